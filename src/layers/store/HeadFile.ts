import * as Fs from "node:fs"
import * as Path from "node:path"
import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { carriedRecords } from "../../domain/audit/Carry.ts"
import { headFromLine, headToLine } from "../../domain/audit/HeadBytes.ts"
import { sha256 } from "./AuditSigner.ts"

/** Bytes of a slot: one disk sector, which devices write whole or not at all. */
export const slotLength = 512

/** Where the two slots begin: in different pages, so that a torn page cannot hurt both. */
export const slotOffsets: readonly [number, number] = [0, 4_096]

const pageLength = 4_096
const fileLength = slotOffsets[1] + pageLength
const newline = 0x0a

/** The last byte of a slot that was written before its records were in the log; else it is a line feed. */
const ahead = 0x3e // ">"
const flagAt = slotLength - 1

/** The last bytes of the file: the number of a record up to which everything is in the log. */
const noteLength = 16
const noteAt = fileLength - noteLength

/**
 * Most bytes of records that a slot can carry: the rest of its page, so that one page is all that a sync has to write. In
 * the file they are base64url and a line feed, so that it is text from beginning to end.
 */
export const carryBytesMax = Math.floor((pageLength - slotLength - noteLength - 1) * 3 / 4)

const fsyncDirectory = (path: string): void => {
  const fd = Fs.openSync(path, "r")
  try {
    Fs.fsyncSync(fd)
  } finally {
    Fs.closeSync(fd)
  }
}

/** Most reads of a file that others write all the time; one write takes a microsecond, so that more are never needed. */
const readsMax = 16

/** Records that a head is written ahead of, and their bytes as `carryToBytes` makes them. */
export interface Carry {
  readonly records: ReadonlyArray<AuditRecord>
  readonly bytes: Uint8Array
}

interface Slot {
  readonly index: 0 | 1
  readonly head: AuditHead
  /** The records that the head was written ahead of, until something says that the log has them. */
  readonly carried: ReadonlyArray<AuditRecord>
}

/**
 * The head file: two slots of one JSON line each, written in turn, so that a crash while writing one leaves the other.
 *
 * A small group of records is carried in the rest of its slot's page, so that one sync makes records and head durable
 * together, before the log has them. A slot whose records a power loss tore was never acknowledged and counts for nothing.
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

  /** The heads in the file, the longest log first. A blank or torn slot gives none. */
  read(): ReadonlyArray<AuditHead> {
    return this.#readSlots().map(({ head }) => head)
  }

  /** The records that the newest head was written ahead of, where nothing says yet that the log has them. */
  carried(): ReadonlyArray<AuditRecord> {
    return this.#readSlots()[0]?.carried ?? []
  }

  /** Writes a head over the older slot, as `read` found them under this same lock; durable when it returns. */
  write(head: AuditHead, sync: (fd: number) => void, carry?: Carry): void {
    const fd = this.#openFd()
    const newest = this.#slots[0]
    const index = newest === undefined || newest.index === 1 ? 0 : 1
    const offset = slotOffsets[index]
    const text = carry === undefined ? "" : `${Buffer.from(carry.bytes).toString("base64url")}\n`
    const page = this.#buffer.subarray(offset, offset + slotLength + text.length)
    page.fill(newline, 0, slotLength)
    if (page.write(headToLine(head), "utf8") >= flagAt) throw new Error("the head does not fit its slot")
    if (carry !== undefined) {
      page[flagAt] = ahead
      page.write(text, slotLength, "latin1")
    }
    Fs.writeSync(fd, page, 0, page.length, offset)
    sync(fd)
    this.#buffer.copy(this.#known, offset, offset, offset + pageLength)
    const written: Slot = { index, head, carried: carry?.records ?? [] }
    this.#slots = newest === undefined ? [written] : [written, newest]
  }

  /**
   * Notes that the log has the records up to `seq`, where the newest head carries some of them. Not synced, because
   * nothing depends on it: where a power loss takes the note away, the log has the records all the same. Needs no lock:
   * where processes overtake each other, the note is an older one and as true.
   */
  note(seq: number): void {
    const [newest, ...older] = this.#slots
    if (newest === undefined || newest.carried.length === 0 || newest.head.seq > seq) return
    this.#known.fill(newline, noteAt).write(String(seq), noteAt)
    Fs.writeSync(this.#openFd(), this.#known, noteAt, noteLength, noteAt)
    this.#slots = [{ ...newest, carried: [] }, ...older]
  }

  /**
   * Fails where the open file is no longer in its directory: what is written to it would be lost. Not for every write: a
   * kernel with fine-grained timestamps makes the next sync of a file that was asked for its status 40 % slower.
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

  #openFd(): number {
    if (this.#fd === undefined) throw new Error("the head file is not open")
    return this.#fd
  }

  #readSlots(): ReadonlyArray<Slot> {
    if (this.#fd === undefined && !Fs.existsSync(this.#path)) return []
    const fd = this.#fd ?? Fs.openSync(this.#path, "r")
    try {
      if (this.#reads(fd, this.#known)) return this.#slots
      // Who reads without the lock may meet a write half-way: what two reads agree about is whole.
      let seen = Buffer.from(this.#buffer)
      for (let n = 0; n < readsMax && !this.#reads(fd, seen); n++) seen = Buffer.from(this.#buffer)
    } finally {
      if (fd !== this.#fd) Fs.closeSync(fd)
    }
    this.#buffer.copy(this.#known)
    const slots = ([0, 1] as const).flatMap((index): ReadonlyArray<Slot> => this.#parse(index))
    this.#slots = slots.toSorted((a, b) => b.head.seq - a.head.seq)
    return this.#slots
  }

  /** Reads the file; whether it holds these bytes. */
  #reads(fd: number, bytes: Uint8Array): boolean {
    this.#buffer.fill(0, Fs.readSync(fd, this.#buffer, 0, fileLength, 0))
    return this.#buffer.equals(bytes)
  }

  #parse(index: 0 | 1): ReadonlyArray<Slot> {
    const page = this.#known.subarray(slotOffsets[index], slotOffsets[index] + pageLength)
    const end = page.indexOf(newline)
    const head = end <= 0 || end >= slotLength ? undefined : headFromLine(page.toString("utf8", 0, end))
    if (head === undefined) return []
    const noted = /^\d+(?=\n)/.exec(this.#known.toString("latin1", noteAt))?.[0] ?? 0
    if (page[flagAt] !== ahead || head.seq <= Number(noted)) return [{ index, head, carried: [] }]
    const text = page.toString("latin1", slotLength, page.indexOf(newline, slotLength))
    const carried = carriedRecords(sha256, Buffer.from(text, "base64url"), head)
    return carried.length === 0 ? [] : [{ index, head, carried }]
  }
}
