/**
 * Attacks under a valid signature: the attacker calls the wrapped functions, as a stolen session or a forwarded form does.
 * Each takes an ordinary call, at the moment and in the session where it would have come, and changes one thing in it.
 */
import type { Call } from "./Guesthouse.ts"
import * as Payloads from "./Payloads.ts"
import type { Seeded } from "./Seeded.ts"
import { slowAmount, slowText } from "./SlowEvasion.ts"

/** A call of an attacker. A slow attacker's ordinary calls on the way are `approach`: counted as neither. */
export interface Attack {
  readonly kind: string
  readonly call: Call
  readonly approach: boolean
  /** What was put in, for the report. */
  readonly shown: string
}

/** Where a value stands inside the arguments. */
type Slot = { readonly path: ReadonlyArray<string | number>; readonly value: unknown }

const isContainer = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const slotsOf = (value: unknown, path: ReadonlyArray<string | number> = []): ReadonlyArray<Slot> =>
  isContainer(value)
    ? Object.entries(value).flatMap(([key, inner]) =>
      slotsOf(inner, [...path, Array.isArray(value) ? Number(key) : key])
    )
    : [{ path, value }]

/** A copy of the value with another one at the path. */
const replaced = (value: unknown, path: ReadonlyArray<string | number>, by: unknown): unknown => {
  const [key, ...rest] = path
  if (key === undefined || !isContainer(value)) return by
  const inner = replaced(value[key], rest, by)
  return Array.isArray(value)
    ? value.map((element: unknown, at) => at === key ? inner : element)
    : { ...value, [key]: inner }
}

const withValue = (call: Call, slot: Slot, by: unknown): Call => ({
  ...call,
  args: call.args.map((argument, at) => at === slot.path[0] ? replaced(argument, slot.path.slice(1), by) : argument)
})

const show = (value: unknown): string => {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}… (${value.length})` : value)
  }
  if (Buffer.isBuffer(value)) return `${value.length} bytes`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (isContainer(value)) return `an object with ${Object.keys(value).slice(0, 4).join(", ")}`
  return String(value)
}

/** Changes an ordinary call into one of the kind; `undefined` where this call has no place for it. */
type Tamper = (random: Seeded, call: Call) => Omit<Attack, "kind"> | undefined

const tampered = (call: Call, slot: Slot, by: unknown): Omit<Attack, "kind"> => ({
  call: withValue(call, slot, by),
  approach: false,
  shown: `${call.operation} ${slot.path.join(".")} = ${show(by)}`
})

/** A payload instead of a text, behind it, before it, or inside it. */
const payload = (grammar: Payloads.Grammar): Tamper => (random, call) => {
  const slot = random.pick(slotsOf(call.args).filter(({ value }) => typeof value === "string"))
  if (slot === undefined) return undefined
  const value = String(slot.value)
  const text = grammar(random)
  const at = random.int(0, value.length)
  const by = random.pick([text, value + text, text + value, value.slice(0, at) + text + value.slice(at)])
  return tampered(call, slot, by)
}

const numbers: Tamper = (random, call) => {
  const slot = random.pick(slotsOf(call.args).filter(({ value }) => typeof value === "number"))
  if (slot === undefined) return undefined
  const by = random.pick([-random.int(1, 1_000_000), random.int(1, 9) * 1e9, 2 ** 53, 1e308, -0.01, -1, 5e-324])
  return tampered(call, slot, by)
}

const oversized: Tamper = (random, call) => {
  const slot = random.pick(slotsOf(call.args).filter(({ value }) => typeof value === "string"))
  return slot && tampered(call, slot, Payloads.oversized(random, String(slot.value)))
}

const wrongType: Tamper = (random, call) => {
  const whole = call.args.map((value, at) => ({ path: [at], value }))
  const slot = random.pick(random.chance(0.5) ? whole : slotsOf(call.args))
  return slot && tampered(call, slot, Payloads.wrongType(random, slot.value))
}

const prototypeKeys: Tamper = (random, call) => {
  const bait = Payloads.prototypeKeys(random)
  const objects = call.args.flatMap((value, at) => isContainer(value) ? [at] : [])
  const at = objects.length > 0 ? random.pick(objects) : random.int(0, call.args.length - 1)
  // Own keys, as a JSON body has them: a spread would lose nothing, an assignment would set the prototype.
  const base = isContainer(call.args[at]) ? call.args[at] : {}
  const merged = Object.defineProperties({ ...base }, Object.getOwnPropertyDescriptors(bait))
  return tampered(call, { path: [at], value: undefined }, merged)
}

const extras: ReadonlyArray<readonly [string, (random: Seeded) => unknown]> = [
  ["isAdmin", () => true],
  ["role", (random) => random.pick(["admin", "manager", "owner"])],
  ["discount", (random) => random.int(10, 100)],
  ["approvedBy", (random) => `G-${random.digits(6)}`],
  ["skipChecks", () => 1],
  ["callback", (random) => `https://${random.letters(6)}.example/hook`]
]

/** An ordinary call, every value as it should be, and one more: a parameter behind the last one, or a field in an object. */
const mimicry: Tamper = (random, call) => {
  const [name, value] = random.pick(extras)
  const extra = value(random)
  const objects = call.args.flatMap((argument, at) => isContainer(argument) ? [at] : [])
  if (objects.length === 0 || random.chance(0.5)) {
    const appended = random.pick<unknown>([extra, { [name]: extra }])
    return {
      call: { ...call, args: [...call.args, appended] },
      approach: false,
      shown: `${call.operation} with one argument more: ${show(appended)}`
    }
  }
  const at = random.pick(objects)
  return tampered(call, { path: [at, name], value: undefined }, extra)
}

/** All kinds. A new set has new slow attackers, who start again from ordinary values. */
export const makeKinds = (steps: number): ReadonlyMap<string, Tamper> =>
  new Map<string, Tamper>([
    ...Object.entries(Payloads.grammars).map(([kind, grammar]) => [kind, payload(grammar)] as const),
    ["encoding", payload(Payloads.encoding)],
    ["unicode", payload(Payloads.unicode)],
    ["polymorphic", payload(Payloads.polymorphic(new Set()))],
    ["numbers", numbers],
    ["oversized", oversized],
    ["wrong type", wrongType],
    ["prototype keys", prototypeKeys],
    ["mimicry", mimicry],
    ["slow amount", slowAmount(steps)],
    ["slow text", slowText(steps)]
  ])
