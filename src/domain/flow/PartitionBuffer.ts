import type { TelemetryEvent } from "../TelemetryEvent.ts"

/** About what one event keeps in memory beside its strings and arguments. */
const eventBaseBytes = 256
/** About what one described argument keeps in memory beside its shape and grams. */
const argumentBaseBytes = 96

/** About how many bytes an event keeps in memory. */
export const eventBytes = (event: TelemetryEvent): number => {
  let bytes = eventBaseBytes + 2 * (event.id.length + event.session.length + event.subjectHash.length)
  for (const argument of event.features.arguments) {
    bytes += argumentBaseBytes + argument.path.length + argument.shape.length + 8 * argument.grams.length
  }
  return bytes
}

interface Held {
  readonly event: TelemetryEvent
  readonly bytes: number
  readonly since: number
}

/**
 * Events that could not be delivered while the brain was away, oldest first, bounded by bytes and by age.
 *
 * The events are kept, not their envelopes: an envelope is stale or replayed by the time it could be sent again. An event
 * is held once, whatever the number of attempts that failed with it.
 */
export class PartitionBuffer {
  readonly #held = new Map<string, Held>()
  #bytes = 0
  #dropped = 0

  get size(): number {
    return this.#held.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Events lost to the bounds so far. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Holds an event from `now` on. Returns how many events were lost to make room, itself included where it does not fit
   * at all.
   */
  add(event: TelemetryEvent, now: number, bytesMax: number): number {
    if (this.#held.has(event.id)) return 0
    const bytes = eventBytes(event)
    if (bytes > bytesMax) return this.#lose(1)
    let lost = 0
    for (const id of this.#held.keys()) {
      if (this.#bytes + bytes <= bytesMax) break
      this.remove(id)
      lost++
    }
    this.#held.set(event.id, { event, bytes, since: now })
    this.#bytes += bytes
    return this.#lose(lost)
  }

  /** Forgets what is older than `ageMsMax` at `now`. Returns how many events were lost. */
  expire(now: number, ageMsMax: number): number {
    let lost = 0
    for (const [id, held] of this.#held) {
      if (now - held.since <= ageMsMax) break
      this.remove(id)
      lost++
    }
    return this.#lose(lost)
  }

  /** The oldest events, at most `count`; they stay until {@link remove}d. */
  peek(count: number): ReadonlyArray<TelemetryEvent> {
    const events: Array<TelemetryEvent> = []
    for (const held of this.#held.values()) {
      if (events.length >= count) break
      events.push(held.event)
    }
    return events
  }

  /** Forgets an event that was delivered. */
  remove(id: string): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#held.delete(id)
    this.#bytes -= held.bytes
  }

  #lose(count: number): number {
    this.#dropped += count
    return count
  }
}
