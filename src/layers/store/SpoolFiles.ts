import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import * as Process from "node:process"

/** Spools of ended processes that one start takes over, of 4 MiB each; more wait for the next start. */
export const orphansMax = 16

/** `audit.<process id>-<random>.spool`; a number before the end where it was taken over, `.new` while it is written. */
const namePattern = /^audit\.(\d{1,10})-([0-9a-f]{16})(?:\.\d{1,3})?\.spool(\.new)?$/

/** Spools that are open in this process: its id alone says nothing, as in a container every process may be number 1. */
const open = new Set<string>()

const lives = (pid: number): boolean => {
  try {
    return Process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/** The file that one spool writes, and those that ended processes left. */
export interface SpoolFiles {
  readonly path: string
  /**
   * Takes over what ended processes left, and names the files. Two processes never get the same file: it is renamed to a
   * name of the new owner first. What is left to do with them is reading and, once that is safe elsewhere, removing.
   */
  readonly takeOrphans: () => Promise<ReadonlyArray<string>>
  /** Says that this process no longer writes the file. */
  readonly release: () => void
}

/** A name in a directory that no other process uses. */
export const make = (directory: string): SpoolFiles => {
  const token = Crypto.randomBytes(8).toString("hex")
  const own = Path.join(directory, `audit.${Process.pid}-${token}`)
  open.add(token)
  const isOrphan = (name: string): boolean => {
    const [, pid = "", other = ""] = namePattern.exec(name) ?? []
    if (pid === "" || open.has(other)) return false
    return Number(pid) === Process.pid || !lives(Number(pid))
  }
  const takeOrphans = async () => {
    const orphans = (await Fs.readdir(directory)).filter(isOrphan).toSorted()
    const taken: Array<string> = []
    for (const name of orphans.slice(0, orphansMax)) {
      const path = Path.join(directory, name)
      const mine = `${own}.${taken.length}.spool`
      // A copy that was being written when its process ended: the file that it was to replace is still whole.
      if (name.endsWith(".new")) await Fs.rm(path, { force: true })
      else if (await renamed(path, mine)) taken.push(mine)
    }
    return taken
  }
  return { path: `${own}.spool`, takeOrphans, release: () => open.delete(token) }
}

/** Whether the file was there to rename: another process may have been faster. */
const renamed = (from: string, to: string): Promise<boolean> => Fs.rename(from, to).then(() => true, () => false)
