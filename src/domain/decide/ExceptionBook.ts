import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Finding } from "../Decision.ts"
import { covers, type Digest, Exception, exceptionsMax } from "./Exceptions.ts"
import type { TelemetryEvent } from "../TelemetryEvent.ts"

const Stored = Schema.fromJsonString(Schema.Struct({
  v: Schema.Literal(1),
  exceptions: Schema.Array(Exception).check(Schema.isMaxLength(exceptionsMax))
}))
const decodeStored = Schema.decodeUnknownResult(Stored)
const encodeStored = Schema.encodeSync(Stored)

interface Entry {
  readonly exception: Exception
  hits: number
  lastHitAt: number
}

const current = ({ exception, hits, lastHitAt }: Entry): Exception => ({ ...exception, hits, lastHitAt })

/** The live exceptions, by function: what no exception names costs one look into a map. */
export class ExceptionBook {
  readonly #byFn = new Map<string, ReadonlyArray<Entry>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Adds one; `false` where there are already as many as there may be. */
  add(exception: Exception): boolean {
    if (this.#size >= exceptionsMax) return false
    const entry = { exception, hits: exception.hits, lastHitAt: exception.lastHitAt }
    this.#byFn.set(exception.fn, [...(this.#byFn.get(exception.fn) ?? []), entry])
    this.#size++
    return true
  }

  /** Removes one, and answers with it. */
  remove(id: string): Exception | undefined {
    return this.#removeWhere((entry) => entry.exception.id === id)[0]
  }

  /** Removes those whose time is over. */
  purge(now: number): ReadonlyArray<Exception> {
    return this.#removeWhere((entry) => entry.exception.until <= now)
  }

  #removeWhere(goes: (entry: Entry) => boolean): ReadonlyArray<Exception> {
    const gone: Array<Exception> = []
    for (const [fn, entries] of this.#byFn) {
      const leaving = entries.filter(goes)
      if (leaving.length === 0) continue
      gone.push(...leaving.map(current))
      const left = entries.filter((entry) => !leaving.includes(entry))
      if (left.length > 0) this.#byFn.set(fn, left)
      else this.#byFn.delete(fn)
    }
    this.#size -= gone.length
    return gone
  }

  /** The ids of the exceptions that together cover every finding on an event; each counts a hit. */
  cover(
    event: TelemetryEvent,
    findings: ReadonlyArray<Finding>,
    now: number,
    digest: Digest
  ): ReadonlyArray<string> | undefined {
    const entries = this.#byFn.get(event.fn)
    if (entries === undefined || findings.length === 0) return undefined
    const used = new Set<Entry>()
    for (const finding of findings) {
      const entry = entries.find(({ exception }) =>
        exception.until > now && exception.patterns.some((pattern) => covers(pattern, finding, event, digest))
      )
      if (entry === undefined) return undefined
      used.add(entry)
    }
    for (const entry of used) {
      entry.hits++
      entry.lastHitAt = now
    }
    return Array.from(used, (entry) => entry.exception.id)
  }

  /** All of them, the oldest first. */
  list(): ReadonlyArray<Exception> {
    return [...this.#byFn.values()].flat().map(current).toSorted((a, b) => a.createdAt - b.createdAt)
  }

  encode(): Uint8Array {
    return new TextEncoder().encode(encodeStored({ v: 1, exceptions: this.list() }))
  }

  /** Replaces all by stored ones; `false`, and nothing changed, where the bytes are not what `encode` writes. */
  restore(bytes: Uint8Array): boolean {
    const stored = decodeStored(new TextDecoder().decode(bytes))
    if (Result.isFailure(stored)) return false
    this.#byFn.clear()
    this.#size = 0
    for (const exception of stored.success.exceptions) this.add(exception)
    return true
  }
}
