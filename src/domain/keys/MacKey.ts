/**
 * What a MAC key may be used for. Each has its own key: a decision can never verify as an event.
 *
 * `event`, `events` and `outcomes` travel from agent to brain, `decision`, `decisions` and `ack` back; `audit` signs
 * evidence, `state` stored baselines, `operator` commands on the operator socket.
 */
export type Purpose =
  | "event"
  | "events"
  | "outcomes"
  | "decision"
  | "decisions"
  | "ack"
  | "audit"
  | "state"
  | "operator"

/** Which way a message travels. */
export type Direction = "to_brain" | "to_agent"

/** The direction of a purpose that travels; `undefined` for keys that sign what stays. */
export const directionOf = (purpose: Purpose): Direction | undefined => {
  switch (purpose) {
    case "event":
    case "events":
    case "outcomes":
      return "to_brain"
    case "decision":
    case "decisions":
    case "ack":
      return "to_agent"
    default:
      return undefined
  }
}

/** A derived MAC key. `material` belongs to the CryptoCore that made it and prints nothing. */
export class MacKey {
  readonly id: string
  readonly purpose: string
  readonly #material: unknown

  constructor(id: string, purpose: string, material: unknown) {
    this.id = id
    this.purpose = purpose
    this.#material = material
  }

  /** @internal the key material, for the CryptoCore that made this key. */
  static material(key: MacKey): unknown {
    return key.#material
  }

  toString(): string {
    return `MacKey(${this.purpose}, ${this.id})`
  }

  toJSON(): string {
    return this.toString()
  }
}
