import { Context, type Effect, type Stream } from "effect"
import { type CallBlocked, Monitor } from "effect-pic"
import { describe, expectTypeOf, it } from "vitest"

class Ledger extends Context.Service<Ledger, { readonly balance: number }>()("test/Ledger") {}
class LedgerError {
  readonly _tag = "LedgerError"
}
interface Receipt {
  readonly id: string
}

declare const move: (from: string, to: string, cents: number) => Effect.Effect<Receipt, LedgerError, Ledger>
declare const identity: <T>(value: T) => Effect.Effect<T>
declare const method: (this: { readonly n: number }, add: number) => Effect.Effect<number>
declare const optional: (id: string, options?: { readonly deep: boolean }) => Effect.Effect<void>
declare const rest: (first: number, ...more: Array<string>) => Effect.Effect<void>
declare const overloaded: {
  (a: string): Effect.Effect<string>
  (a: number): Effect.Effect<number>
}
declare const numbers: (n: number) => Stream.Stream<number, LedgerError, Ledger>

describe("Monitor.wrap", () => {
  it("keeps parameters, success, errors and requirements, and adds CallBlocked and Monitor", () => {
    expectTypeOf(Monitor.wrap("payments.transfer", move)).toEqualTypeOf<
      (
        from: string,
        to: string,
        cents: number
      ) => Effect.Effect<Receipt, LedgerError | CallBlocked, Ledger | Monitor.Monitor>
    >()
  })
  it("keeps generics", () => {
    const wrapped = Monitor.wrap("identity", identity)
    expectTypeOf(wrapped("text")).toEqualTypeOf<Effect.Effect<string, CallBlocked, Monitor.Monitor>>()
    expectTypeOf(wrapped(7 as const)).toEqualTypeOf<Effect.Effect<7, CallBlocked, Monitor.Monitor>>()
  })
  it("keeps `this`", () => {
    expectTypeOf(Monitor.wrap("method", method)).toEqualTypeOf<
      (this: { readonly n: number }, add: number) => Effect.Effect<number, CallBlocked, Monitor.Monitor>
    >()
  })
  it("keeps optional and rest parameters", () => {
    expectTypeOf(Monitor.wrap("optional", optional)).parameters.toEqualTypeOf<Parameters<typeof optional>>()
    expectTypeOf(Monitor.wrap("rest", rest)).parameters.toEqualTypeOf<[first: number, ...more: Array<string>]>()
  })
  it("of overloads the last signature is kept", () => {
    expectTypeOf(Monitor.wrap("overloaded", overloaded)).parameters.toEqualTypeOf<[a: number]>()
  })
  it("types the subject by the parameters", () => {
    Monitor.wrap("payments.transfer", move, {
      subject: (from, _to, cents) => {
        expectTypeOf(from).toEqualTypeOf<string>()
        expectTypeOf(cents).toEqualTypeOf<number>()
        return from
      }
    })
    const some = Monitor.wrap("payments.transfer", move, { subject: (from: string) => from })
    expectTypeOf(some).parameters.toEqualTypeOf<[from: string, to: string, cents: number]>()
    // @ts-expect-error the first parameter is a string
    Monitor.wrap("payments.transfer", move, { subject: (from: number) => String(from) })
  })
  it("with onBlocked there is no CallBlocked left", () => {
    expectTypeOf(Monitor.wrap("payments.transfer", move, { onBlocked: () => ({} as Effect.Effect<"no", "E2", never>) }))
      .returns.toEqualTypeOf<Effect.Effect<Receipt | "no", LedgerError | "E2", Ledger | Monitor.Monitor>>()
  })
  it("wraps streams", () => {
    expectTypeOf(Monitor.wrapStream("numbers", numbers)).toEqualTypeOf<
      (n: number) => Stream.Stream<number, LedgerError | CallBlocked, Ledger | Monitor.Monitor>
    >()
  })
  it("refuses what is not an Effect", () => {
    // @ts-expect-error a plain function has no Effect to protect: PicRuntime.wrap is for those
    Monitor.wrap("plain", (n: number) => n)
  })
})
