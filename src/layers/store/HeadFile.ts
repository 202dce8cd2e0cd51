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

/**
 * The head file: two slots of one JSON line each, written in turn, so that a crash while writing one leaves the other.
 *
 * Calls are serialised by the write lock of the log: only its holder writes.
 */
export class HeadFile {
  readonly #path: string
  readonly #buffer = Buffer.alloc(slotLength)
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
    const fd = this.#fd
    if (fd !== undefined) return this.#readFrom(fd)
    if (!Fs.existsSync(this.#path)) return []
    const once = Fs.openSync(this.#path, "r")
    try {
      return this.#readFrom(once)
    } finally {
      Fs.closeSync(once)
    }
  }

  /** Writes a head over the older slot; durable when it returns. */
  write(head: AuditHead, sync: (fd: number) => void): void {
    const fd = this.#fd
    if (fd === undefined) throw new Error("the head file is not open")
    if (Fs.fstatSync(fd).nlink === 0) throw new Error(`the head file ${this.#path} was removed`)
    const newest = this.#slot(fd, 0)
    const other = this.#slot(fd, 1)
    const at = newest === undefined || (other !== undefined && other.seq > newest.seq) ? 0 : 1
    this.#buffer.fill(newline)
    const length = this.#buffer.write(headToLine(head), "utf8")
    if (length >= slotLength) throw new Error("the head does not fit its slot")
    Fs.writeSync(fd, this.#buffer, 0, slotLength, slotOffsets[at])
    sync(fd)
  }

  close(): void {
    if (this.#fd !== undefined) Fs.closeSync(this.#fd)
    this.#fd = undefined
  }

  #readFrom(fd: number): ReadonlyArray<AuditHead> {
    const heads = [this.#slot(fd, 0), this.#slot(fd, 1)].filter((head) => head !== undefined)
    return heads.sort((a, b) => b.seq - a.seq)
  }

  #slot(fd: number, index: 0 | 1): AuditHead | undefined {
    const length = Fs.readSync(fd, this.#buffer, 0, slotLength, slotOffsets[index])
    const end = this.#buffer.subarray(0, length).indexOf(newline)
    return end <= 0 ? undefined : headFromLine(this.#buffer.toString("utf8", 0, end))
  }
}
