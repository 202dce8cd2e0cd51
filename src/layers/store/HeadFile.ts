import * as Fs from "node:fs"
import * as Path from "node:path"
import type { AuditHead } from "../../domain/audit/AuditHead.ts"
import { headFromLine, headToLine } from "../../domain/audit/HeadBytes.ts"

/** Bytes of a slot: one disk sector, which devices write whole or not at all. */
export const slotLength = 512

/** Where the two slots begin: in different pages, so that a torn page cannot hurt both. */
export const slotOffsets: readonly [number, number] = [0, 4_096]

const fileLength = slotOffsets[1] + slotLength
const newline = 0x0a

const fsyncDirectory = (path: string): void => {
  const fd = Fs.openSync(path, "r")
  try {
    Fs.fsyncSync(fd)
  } finally {
    Fs.closeSync(fd)
  }
}

interface Slot {
  readonly index: 0 | 1
  readonly head: AuditHead
}

/**
 * The head file: two slots of one JSON line each, written in turn, so that a crash while writing one leaves the other.
 *
 * Calls are serialised by the write lock of the log: only its holder writes.
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
    if (!Fs.existsSync(this.#path)) {
      const directory = Path.dirname(this.#path)
      Fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
      const fd = Fs.openSync(this.#path, "wx", 0o600)
      Fs.writeSync(fd, Buffer.alloc(fileLength, newline), 0, fileLength, 0)
      Fs.fsyncSync(fd)
      Fs.closeSync(fd)
      fsyncDirectory(directory)
    }
    this.#fd = Fs.openSync(this.#path, "r+")
  }

  /** The heads in the file, the longest log first. A blank or torn slot gives none. */
  read(): ReadonlyArray<AuditHead> {
    return this.#readSlots().map(({ head }) => head)
  }

  /** Writes a head over the older slot, as `read` found them under this same lock; durable when it returns. */
  write(head: AuditHead, sync: (fd: number) => void): void {
    const fd = this.#fd
    if (fd === undefined) throw new Error("the head file is not open")
    const newest = this.#slots[0]
    const index = newest === undefined || newest.index === 1 ? 0 : 1
    const slot = this.#buffer.subarray(slotOffsets[index], slotOffsets[index] + slotLength)
    slot.fill(newline)
    if (slot.write(headToLine(head), "utf8") >= slotLength) throw new Error("the head does not fit its slot")
    Fs.writeSync(fd, slot, 0, slotLength, slotOffsets[index])
    sync(fd)
    slot.copy(this.#known, slotOffsets[index])
    this.#slots = newest === undefined ? [{ index, head }] : [{ index, head }, newest]
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

  #readSlots(): ReadonlyArray<Slot> {
    if (this.#fd === undefined && !Fs.existsSync(this.#path)) return []
    const fd = this.#fd ?? Fs.openSync(this.#path, "r")
    try {
      this.#buffer.fill(0, Fs.readSync(fd, this.#buffer, 0, fileLength, 0))
    } finally {
      if (fd !== this.#fd) Fs.closeSync(fd)
    }
    if (this.#buffer.equals(this.#known)) return this.#slots
    this.#buffer.copy(this.#known)
    const slots = ([0, 1] as const).flatMap((index): ReadonlyArray<Slot> => {
      const head = this.#parse(slotOffsets[index])
      return head === undefined ? [] : [{ index, head }]
    })
    this.#slots = slots.toSorted((a, b) => b.head.seq - a.head.seq)
    return this.#slots
  }

  #parse(offset: number): AuditHead | undefined {
    const slot = this.#known.subarray(offset, offset + slotLength)
    const end = slot.indexOf(newline)
    return end <= 0 ? undefined : headFromLine(slot.toString("utf8", 0, end))
  }
}
