import type { ArgumentFeatures, CallFeatures } from "../CallFeatures.ts"
import type { Arena } from "./Arena.ts"
import type { Reader, Writer } from "./Bytes.ts"
import { DriftTrack } from "./DriftTrack.ts"
import { type Findings, placeName } from "./Findings.ts"

/** Numbers followed per function, the first ones that come: a track takes a kilobyte. */
const tracksMax = 8
/** Calls before numbers are followed: a function that is hardly used pays nothing. */
const followFrom = 64

/**
 * The numbers of the calls of one function, followed over time: finds a level that creeps or jumps although each value
 * alone is within what was seen.
 */
export class DriftModel {
  readonly #arena: Arena
  #paths: Array<string> = []
  #tracks: Array<DriftTrack> = []
  #calls = 0

  constructor(arena: Arena) {
    this.#arena = arena
  }

  get bytes(): number {
    return this.#tracks.reduce((sum, track) => sum + track.bytes, 64)
  }

  /** Whether numbers of the calls are followed. */
  get following(): boolean {
    return this.#tracks.length > 0
  }

  /** Whether the level of a value is followed, because while learning it depended on the values before it. */
  follows(value: ArgumentFeatures): boolean {
    if (this.#tracks.length === 0 || !isNumber(value)) return false
    const at = this.#paths.indexOf(value.path)
    return at >= 0 && this.#tracks[at]!.serial
  }

  /** Ends learning of which numbers are series. */
  freeze(): void {
    for (const track of this.#tracks) track.freeze()
  }

  /**
   * Follows the numbers of a call. One whose content is an alarm moves only series, whose new level may be there to
   * stay: an attacker must not make ordinary amounts look odd by sending absurd ones.
   */
  push(features: CallFeatures, time: number, alarming: boolean): void {
    if (this.#calls < followFrom) {
      this.#calls++
      return
    }
    for (let i = 0; i < features.arguments.length; i++) {
      const value = features.arguments[i]!
      const track = isNumber(value) ? this.#track(value.path) : undefined
      if (alarming && track?.serial === false) track.skip()
      else track?.push(value.magnitude, time)
    }
  }

  #track(path: string): DriftTrack | undefined {
    const at = this.#paths.indexOf(path)
    if (at >= 0) return this.#tracks[at]
    if (this.#tracks.length >= tracksMax) return undefined
    const track = new DriftTrack(this.#arena)
    this.#paths = [...this.#paths, path]
    this.#tracks = [...this.#tracks, track]
    return track
  }

  /** Decades of evidence in the numbers of the call that was pushed last. */
  evidence(features: CallFeatures, findings: Findings | undefined): number {
    if (this.#tracks.length === 0) return 0
    let most = 0
    for (let i = 0; i < features.arguments.length; i++) {
      const value = features.arguments[i]!
      if (!isNumber(value)) continue
      const at = this.#paths.indexOf(value.path)
      if (at < 0) continue
      const track = this.#tracks[at]!
      if (track.evidence > most) most = track.evidence
      if (findings !== undefined) explain(value, track, findings)
    }
    return most
  }

  /** Gives the memory back. */
  release(): void {
    for (const track of this.#tracks) track.release()
  }

  write(writer: Writer): void {
    writer.u32(this.#calls)
    writer.u32(this.#tracks.length)
    this.#tracks.forEach((track, i) => {
      writer.text(this.#paths[i]!)
      track.write(writer)
    })
  }

  read(reader: Reader): void {
    this.#calls = reader.u32()
    const tracks = reader.u32()
    if (tracks > tracksMax) reader.refuse("drift tracks")
    for (let i = 0; i < tracks; i++) {
      const path = reader.text()
      const track = this.#track(path) ?? reader.refuse("drift tracks")
      track.read(reader)
    }
    if (this.#tracks.length !== tracks) reader.refuse("drift tracks")
  }
}

const isNumber = (value: ArgumentFeatures): boolean => value.type === "number" || value.type === "bigint"

const explain = (value: ArgumentFeatures, track: DriftTrack, findings: Findings): void => {
  const { expected, seen } = track.explanation
  findings.add("drift", value.path, track.evidence, expected, `${placeName(value.path)}: ${seen}`)
}
