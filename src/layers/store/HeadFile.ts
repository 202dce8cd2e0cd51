import * as Fs from "node:fs"
import * as Path from "node:path"
import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import { headFromLine, headToLine } from "../../domain/audit/HeadBytes.ts"
import { type Carry, carryOf, nothing } from "./Carry.ts"

/** Bytes of a head: one disk sector, which devices write whole or not at all. */
export const headLength = 512

/**
 * Bytes of a slot: a head and the records that it carries. With 16 KiB some twenty blocks share one commit into the
 * database; twice as much would save a twentieth of that, and cost every sync eight pages instead of four.
 */
export const slotLength = 16_384

/** Where the two slots begin: in different pages, so that a torn page cannot hurt both. */
export const slotOffsets: readonly [number, number] = [0, slotLength]

const fileLength = 2 * slotLength
const newline = 0x0a

/** The last byte of a head that carries records; else it is a line feed. */
const carries = 0x3e // ">"
const flagAt = headLength - 1

/** The last bytes of the file: the number of a record up to which everything is in the database. */
const noteLength = 16
const noteAt = fileLength - noteLength

/** Most characters of carried records: the rest of a slot, without the line feed that ends them. */
export const carryTextMax = slotLength - headLength - noteLength - 1

const fsyncDirectory = (path: string): void => {
  const fd = Fs.openSync(path, "r")
  try {
    Fs.fsyncSync(fd)
  } finally {
    Fs.closeSync(fd)
  }
}

/** Most reads of a file that others write all the time; one write takes microseconds, so that more are never needed. */
const readsMax = 16

/** A head, where it stands, and what it carries until something says that the database has it. */
interface Slot {
  readonly index: 0 | 1
  readonly head: AuditHead
  readonly carry: Carry
}

/** The longer log first; of two heads over the same records the one whose checkpoint covers more of them. */
const newestFirst = (a: AuditHead, b: AuditHead): number =>
  b.seq - a.seq || b.checkpoint.seq - a.checkpoint.seq || b.time - a.time

/** What the head file says: the heads, the newest first, and what that one carries. */
export interface HeadState {
  readonly heads: ReadonlyArray<AuditHead>
  readonly carry: Carry
}

/**
 * The head file: two slots, written in turn, so that a crash while writing one leaves the other.
 *
 * A head carries the last records in the rest of its slot, so that one sync makes records and head durable together,
 * before the database has them. A slot whose records a power loss tore was never acknowledged and counts for nothing.
 *
 * Calls are serialised by the write lock of the log: only its holder writes. Others may read.
 */
export class HeadFile {
  readonly #path: string
  /** What the file held when it was last looked at, and what that means: it rarely changes under a single writer. */
  readonly #known = Buffer.alloc(fileLength)
  readonly #buffer = Buffer.alloc(fileLength)
  #slots: ReadonlyArray<Slot> = []
  #fd: number | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Opens the file for writing; makes it, 0600, where it is missing. */
  open(): void {
    this.close()
    const isNew = !Fs.existsSync(this.#path)
    const directory = Path.dirname(this.#path)
    if (isNew) Fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
    const fd = this.#fd = Fs.openSync(this.#path, isNew ? "wx+" : "r+", 0o600)
    // At its full length from the beginning, so that a sync never has to change what the file system knows of the file.
    const { size } = Fs.fstatSync(fd)
    if (size < fileLength) {
      Fs.writeSync(fd, Buffer.alloc(fileLength - size, newline), 0, fileLength - size, size)
      Fs.fsyncSync(fd)
    }
    if (isNew) fsyncDirectory(directory)
  }

  /** What the file says now. A blank or torn slot gives no head. */
  read(): HeadState {
    this.#look()
    return this.#state()
  }

  /** Writes a head over the older slot, as `read` found them under this same lock; durable when it returns. */
  write(head: AuditHead, sync: (fd: number) => void, carry: Carry = nothing): void {
    const fd = this.#openFd()
    const newest = this.#slots[0]
    const index = newest === undefined || newest.index === 1 ? 0 : 1
    const offset = slotOffsets[index]
    const slot = this.#buffer.subarray(offset, offset + headLength + carry.text.length + 1)
    slot.fill(newline, 0, headLength)
    if (slot.write(headToLine(head), "utf8") >= flagAt) throw new Error("the head does not fit its sector")
    if (carry.records.length > 0) slot[flagAt] = carries
    slot.write(`${carry.text}\n`, headLength, "latin1")
    try {
      Fs.writeSync(fd, slot, 0, slot.length, offset)
      sync(fd)
    } catch (error) {
      this.#blank(offset)
      throw error
    }
    this.#buffer.copy(this.#known, offset, offset, offset + slotLength)
    const written: Slot = { index, head, carry }
    this.#slots = newest === undefined ? [written] : [written, newest]
  }

  /** Whether the newest head, when it was last looked at, carried what nothing said that the database has. */
  get carrying(): boolean {
    return (this.#slots[0]?.carry.records.length ?? 0) > 0
  }

  /**
   * Notes that the database has the records up to `seq`, where the newest head carries some of them. Not synced, because
   * nothing depends on it: where a power loss takes the note away, the database has the records all the same. Needs no
   * lock: where processes overtake each other, the note is an older one and as true.
   */
  note(seq: number): void {
    const [newest, ...older] = this.#slots
    if (newest === undefined || !this.carrying || newest.head.seq > seq) return
    this.#known.fill(newline, noteAt).write(String(seq), noteAt)
    Fs.writeSync(this.#openFd(), this.#known, noteAt, noteLength, noteAt)
    this.#slots = [{ ...newest, carry: nothing }, ...older]
  }

  /**
   * Fails where the open file is no longer in its directory: what is written to it would be lost. For when the database
   * has everything, and not for every write: a kernel with fine-grained timestamps makes the next sync of a file that was
   * asked for its status 40 % slower.
   */
  checkPresent(): void {
    if (this.#fd !== undefined && Fs.fstatSync(this.#fd).nlink === 0) {
      throw new Error(`the head file ${this.#path} was removed`)
    }
  }

  close(): void {
    if (this.#fd !== undefined) Fs.closeSync(this.#fd)
    this.#fd = undefined
  }

  /**
   * Takes back a slot whose write or sync failed: what the disk has of it is unknown, while everybody reads it from
   * memory. Were it taken for good, the next head would go over the other slot, the only one that is surely on the disk.
   * Nobody was told of this one. By a descriptor of its own: nothing is written to one whose sync failed.
   */
  #blank(offset: number): void {
    try {
      const fd = Fs.openSync(this.#path, "r+")
      try {
        Fs.writeSync(fd, Buffer.alloc(headLength, newline), 0, headLength, offset)
      } finally {
        Fs.closeSync(fd)
      }
    } catch {
      // A disk that takes nothing at all: the failure that led here is the one to tell.
    }
  }

  #state(): HeadState {
    return { heads: this.#slots.map(({ head }) => head), carry: this.#slots[0]?.carry ?? nothing }
  }

  #openFd(): number {
    if (this.#fd === undefined) throw new Error("the head file is not open")
    return this.#fd
  }

  #look(): void {
    if (this.#fd === undefined && !Fs.existsSync(this.#path)) {
      this.#known.fill(0)
      this.#slots = []
      return
    }
    const fd = this.#fd ?? Fs.openSync(this.#path, "r")
    try {
      if (this.#reads(fd, this.#known)) return
      // Who reads without the lock may meet a write half-way: what two reads agree about is whole.
      let seen = Buffer.from(this.#buffer)
      for (let n = 0; n < readsMax && !this.#reads(fd, seen); n++) seen = Buffer.from(this.#buffer)
    } finally {
      if (fd !== this.#fd) Fs.closeSync(fd)
    }
    this.#buffer.copy(this.#known)
    const slots = ([0, 1] as const).flatMap((index): ReadonlyArray<Slot> => this.#parse(index))
    this.#slots = slots.toSorted((a, b) => newestFirst(a.head, b.head))
  }

  /** Reads the file; whether it holds these bytes. */
  #reads(fd: number, bytes: Uint8Array): boolean {
    this.#buffer.fill(0, Fs.readSync(fd, this.#buffer, 0, fileLength, 0))
    return this.#buffer.equals(bytes)
  }

  #parse(index: 0 | 1): ReadonlyArray<Slot> {
    const slot = this.#known.subarray(slotOffsets[index], slotOffsets[index] + slotLength)
    const end = slot.indexOf(newline)
    const head = end <= 0 || end >= headLength ? undefined : headFromLine(slot.toString("utf8", 0, end))
    if (head === undefined) return []
    const noted = /^\d+(?=\n)/.exec(this.#known.toString("latin1", noteAt))?.[0] ?? 0
    if (slot[flagAt] !== carries || head.seq <= Number(noted)) return [{ index, head, carry: nothing }]
    const carry = carryOf(slot.toString("latin1", headLength, slot.indexOf("\n\n", headLength) + 1), head)
    return carry === undefined ? [] : [{ index, head, carry }]
  }
}
