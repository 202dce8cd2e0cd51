import * as Fs from "node:fs"
import * as Path from "node:path"
import type { SeededRandom } from "../Seeded.ts"
import { type Acknowledged, acknowledgements, openLog, verifyLog } from "./Files.ts"
import { type Operation, record, scratchDirectory } from "./Trace.ts"

/** What a disk writes whole or not at all. */
const sectorLength = 512

type Change = Extract<Operation, { readonly type: "write" | "truncate" }>

/** A file: what is on the disk for certain, and what was asked for since its last sync. */
interface Inode {
  content: Uint8Array
  pending: Array<Change>
  /** Whether its name is in the directory for certain. */
  named: boolean
}

const grown = (content: Uint8Array, length: number): Uint8Array => {
  if (content.length >= length) return content
  const longer = new Uint8Array(length)
  longer.set(content)
  return longer
}

const applied = (content: Uint8Array, change: Change): Uint8Array => {
  if (change.type === "truncate") return grown(content, change.length).slice(0, change.length)
  const result = grown(content, change.offset + change.data.length)
  result.set(change.data, change.offset)
  return result
}

/** Only some of the sectors that a write touches. */
const torn = (content: Uint8Array, change: Change, random: SeededRandom): Uint8Array => {
  if (change.type === "truncate") return content
  const end = change.offset + change.data.length
  let result = content
  for (let from = change.offset; from < end;) {
    const to = Math.min(end, (Math.floor(from / sectorLength) + 1) * sectorLength)
    if (random.below(2) === 0) {
      const data = change.data.subarray(from - change.offset, to - change.offset)
      result = applied(result, { ...change, offset: from, data })
    }
    from = to
  }
  return result
}

/** A disk whose power can go at any moment. Shared memory of SQLite is none of it: it is made anew after a crash. */
class Disk {
  readonly #files = new Map<string, Inode>()
  /** Files whose removal is not certain yet. */
  readonly #removed = new Map<string, Inode>()

  apply(operation: Operation): void {
    if (operation.type === "output" || operation.path.endsWith("-shm")) return
    const { path, type } = operation
    const file = this.#files.get(path)
    if (type === "create") {
      if (file === undefined) this.#files.set(path, { content: new Uint8Array(0), pending: [], named: false })
    } else if (type === "sync" && file === undefined) {
      // A directory: what was made and removed in it is certain now.
      for (const [name, inode] of this.#files) if (Path.dirname(name) === path) inode.named = true
      for (const name of this.#removed.keys()) if (Path.dirname(name) === path) this.#removed.delete(name)
    } else if (file === undefined) {
      throw new Error(`${type} of the unknown file ${path}`)
    } else if (type === "unlink") {
      this.#files.delete(path)
      if (file.named) this.#removed.set(path, file)
    } else if (type === "sync") {
      file.content = file.pending.reduce(applied, file.content)
      file.pending = []
      file.named = true
    } else {
      file.pending.push(operation)
    }
  }

  /** One of the states that the disk may be in when the power comes back. */
  crash(random: SeededRandom): ReadonlyMap<string, Uint8Array> {
    // Besides any mixture the extremes, which are the likely ones: nothing that was not synced, or all of it.
    const mode = random.pick(["none", "all", "mixed", "mixed"] as const)
    const happens = () => mode === "all" || mode === "mixed" && random.below(2) === 0
    const state = new Map<string, Uint8Array>()
    const settle = (path: string, { content, pending }: Inode) => {
      let result = new Uint8Array(content)
      for (const change of pending) {
        if (mode === "mixed" && random.below(3) === 0) result = new Uint8Array(torn(result, change, random))
        else if (happens()) result = new Uint8Array(applied(result, change))
      }
      state.set(path, result)
    }
    for (const [path, inode] of this.#removed) if (!happens()) settle(path, inode)
    for (const [path, inode] of this.#files) if (inode.named || happens()) settle(path, inode)
    return state
  }
}

/** What became of what was written, after a crash. */
export interface Outcome {
  readonly lost: number
  /** Why it was refused, by opening, writing or verification. */
  readonly refused: string | undefined
}

const detailOf = (error: unknown): string => error instanceof Error ? error.message : "?"

const inspectLog = (directory: string, acknowledged: ReadonlyArray<Acknowledged>): Outcome => {
  const file = openLog(directory)
  let lost = acknowledged.length
  try {
    file.open()
    const { hashes } = verifyLog(file)
    lost = acknowledged.filter(({ hash, seq }) => hashes.get(seq) !== hash).length
    file.append([{ time: 1, kind: "start", body: new TextEncoder().encode("{}") }], 1)
    const { report } = verifyLog(file)
    return { lost, refused: report.ok ? undefined : report.detail }
  } catch (error) {
    return { lost, refused: detailOf(error) }
  } finally {
    file.close()
  }
}

/** Sums over all crash states of one recording. */
export interface Losses {
  readonly states: number
  readonly operations: number
  readonly acknowledged: number
  /** States in which something acknowledged was gone. */
  readonly losing: number
  /** States that were refused although nothing acknowledged was gone. */
  readonly refused: number
  /** States in which something acknowledged was gone and nobody said so. */
  readonly silent: number
  readonly firstRefusal: string | undefined
}

/** How much is written, how often the power goes, and whether the database driver keeps its word. */
export interface ReplayOptions {
  readonly groups: number
  readonly states: number
  readonly synchronous: "FULL" | "NORMAL"
  readonly random: SeededRandom
}

/** A process that writes and says what was acknowledged, and what is to be found of that in a directory. */
export interface Subject<A> {
  readonly script: string
  /** What the script needs to know besides directory, number of groups and how to synchronise. */
  readonly more: ReadonlyArray<string>
  readonly acknowledgements: (output: string) => ReadonlyArray<A>
  readonly inspect: (directory: string, acknowledged: ReadonlyArray<A>) => Promise<Outcome>
}

/** Records a writing process and looks at `states` of the states that a power loss may leave. */
export const replaySubject = async <A>(
  { acknowledgements, inspect, more, script }: Subject<A>,
  { groups, random, states, synchronous }: ReplayOptions
): Promise<Losses> => {
  const directory = scratchDirectory()
  try {
    const operations = record(script, [directory, String(groups), synchronous, ...more], directory)
    Fs.rmSync(directory, { recursive: true })
    // Half of the cuts right after an acknowledgement, which is when a promise is easiest to break.
    const outputs = operations.flatMap(({ type }, i) => type === "output" ? [i + 1] : [])
    const cuts = Array.from(
      { length: states },
      (_, i) => i % 2 === 0 ? random.pick(outputs) : random.below(operations.length + 1)
    ).toSorted((a, b) => a - b)
    const disk = new Disk()
    let at = 0
    let text = ""
    const sums = { losing: 0, refused: 0, silent: 0 }
    let firstRefusal: string | undefined
    for (const cut of cuts) {
      for (; at < cut; at++) {
        const operation = operations[at]!
        disk.apply(operation)
        if (operation.type === "output") text += operation.text
      }
      Fs.mkdirSync(directory, { mode: 0o700 })
      for (const [path, content] of disk.crash(random)) Fs.writeFileSync(path, content, { mode: 0o600 })
      const { lost, refused } = await inspect(directory, acknowledgements(text))
      Fs.rmSync(directory, { recursive: true })
      if (lost > 0) sums.losing++
      if (lost > 0 && refused === undefined) sums.silent++
      if (lost === 0 && refused !== undefined) sums.refused++
      if (refused !== undefined) firstRefusal ??= `after operation ${cut}: ${refused}`
    }
    const acknowledged = acknowledgements(text).length
    return { states, operations: operations.length, acknowledged, ...sums, firstRefusal }
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true })
  }
}

/** The same for the log. */
export const replay = (options: ReplayOptions): Promise<Losses> =>
  replaySubject({
    script: Path.join(import.meta.dirname, "LimitedWriter.ts"),
    more: [],
    acknowledgements,
    inspect: async (directory, acknowledged) => inspectLog(directory, acknowledged)
  }, options)
