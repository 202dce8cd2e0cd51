import * as Fs from "node:fs"
import * as Path from "node:path"

/** Digits of the number, padded, so that a write never changes the length: one sector, which is written whole or not at all. */
const digits = 16

const syncDirectory = (path: string): void => {
  const fd = Fs.openSync(path, "r")
  try {
    Fs.fsyncSync(fd)
  } finally {
    Fs.closeSync(fd)
  }
}

/** The newest generation of the state file that was ever acknowledged; 0 where nobody remembers one. */
export const readWitness = (path: string): number => {
  if (!Fs.existsSync(path)) return 0
  const text = Fs.readFileSync(path, "latin1")
  return /^\d{16}\n$/.test(text) ? Number(text) : 0
}

/** Remembers a generation, durably. */
export const writeWitness = (path: string, generation: number): void => {
  const isNew = !Fs.existsSync(path)
  const directory = Path.dirname(path)
  if (isNew) Fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  const fd = Fs.openSync(path, isNew ? "wx" : "r+", 0o600)
  try {
    const bytes = Buffer.from(`${String(generation).padStart(digits, "0")}\n`, "latin1")
    Fs.writeSync(fd, bytes, 0, bytes.length, 0)
    Fs.fdatasyncSync(fd)
  } finally {
    Fs.closeSync(fd)
  }
  if (isNew) syncDirectory(directory)
}
