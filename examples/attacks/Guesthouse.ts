/** The service that is protected: the back office of a chain of guesthouses. */
import { Context, Effect, Layer } from "effect"
import { type CallBlocked, Monitor } from "effect-pic"

export interface Device {
  readonly agent: string
  readonly locale: string
  readonly ip: string
}
export interface Guest {
  readonly name: string
  readonly email: string
  readonly phone?: string
  readonly address: {
    readonly street: string
    readonly city: string
    readonly postcode: string
    readonly country: string
  }
}
export interface Stay {
  readonly from: string
  readonly to: string
  readonly guests: number
}

/** What really happened: a function that was blocked never gets here. */
export class Book extends Context.Service<Book, {
  readonly write: (operation: string) => Effect.Effect<number>
  readonly entries: Effect.Effect<number>
}>()("effect-pic/examples/attacks/Book") {
  static readonly layer = Layer.sync(Book, () => {
    let entries = 0
    return Book.of({ write: () => Effect.sync(() => ++entries), entries: Effect.sync(() => entries) })
  })
}

const write = (operation: string) => Book.use((book) => book.write(operation))

/** Every function of the service, protected. The parameters are what a proper client sends. */
export const operations = {
  "accounts.signIn": Monitor.wrap("accounts.signIn", (_email: string, _device: Device) => write("signIn")),
  "guests.save": Monitor.wrap("guests.save", (_id: string, _guest: Guest) => write("save")),
  "rooms.search": Monitor.wrap(
    "rooms.search",
    (_query: string, _stay: Stay, _options: { readonly sort: string; readonly tags: ReadonlyArray<string> }) =>
      write("search")
  ),
  "bookings.create": Monitor.wrap(
    "bookings.create",
    (_guest: string, _room: string, _stay: Stay, _extras: { readonly breakfast: boolean; readonly note?: string }) =>
      write("create")
  ),
  "payments.charge": Monitor.wrap(
    "payments.charge",
    (_booking: string, _cents: number, _currency: string) => write("charge")
  ),
  "payments.refund": Monitor.wrap(
    "payments.refund",
    (_booking: string, _cents: number, _reason: string) => write("refund")
  ),
  "reviews.post": Monitor.wrap(
    "reviews.post",
    (_booking: string, _stars: number, _text: string) => write("review")
  ),
  "invoices.read": Monitor.wrap("invoices.read", (_path: string) => write("invoice"))
}
export type Operation = keyof typeof operations

/** One call as it arrives. An attacker respects neither the types nor the number of parameters. */
export interface Call {
  readonly operation: Operation
  readonly args: ReadonlyArray<unknown>
  readonly session: string
}

/** Makes the call as JavaScript does: with whatever is passed. */
export const perform = (call: Call): Effect.Effect<number, CallBlocked, Book | Monitor.Monitor> => {
  const effect: Effect.Effect<number, CallBlocked, Book | Monitor.Monitor> = Reflect.apply(
    operations[call.operation],
    undefined,
    call.args
  )
  return Monitor.withSession(call.session)(effect)
}
