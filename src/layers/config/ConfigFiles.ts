import * as Effect from "effect/Effect"
import * as Yaml from "effect/encoding/Yaml"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { escapeLine, quoteMessage } from "../../domain/Printable.ts"
import { sections } from "../../domain/settings/SettingKeys.ts"
import { collect, type Collected } from "../../domain/settings/SettingsDecode.ts"
import { UnreadableFile } from "../../services/PicConfig.ts"
import { reasonOf } from "../FileFailure.ts"

/** Largest configuration file: a hundred times what all keys with comments need, so anything larger is not ours. */
export const fileBytesMax = 256 * 1024

/** Files that are read from the working directory where they exist, when none are named. */
export const defaultFiles: ReadonlyArray<string> = ["cellagent.yaml", "brain.yaml", "crypto.yaml", "pic.yaml"]

/** Reads at most `fileBytesMax` bytes of a regular file; a pipe or a device would block for ever and is refused. */
const readBytes = (path: string): Result.Result<Uint8Array, string> => {
  let handle: number | undefined
  try {
    const size = Fs.statSync(path)
    if (size.isDirectory()) return Result.fail("is a directory, not a file")
    if (!size.isFile()) return Result.fail("is not a regular file")
    handle = Fs.openSync(path, "r")
    const buffer = Buffer.alloc(fileBytesMax + 1)
    let length = 0
    for (;;) {
      const read = Fs.readSync(handle, buffer, length, buffer.length - length, null)
      if (read === 0 || length + read > fileBytesMax) {
        length += read
        break
      }
      length += read
    }
    return length > fileBytesMax
      ? Result.fail(`is larger than ${fileBytesMax} bytes, which no configuration needs`)
      : Result.succeed(buffer.subarray(0, length))
  } catch (cause) {
    return Result.fail(reasonOf(cause))
  } finally {
    if (handle !== undefined) Fs.closeSync(handle)
  }
}

const decodeUtf8 = (bytes: Uint8Array): Result.Result<string, string> => {
  const zero = bytes.indexOf(0)
  if (zero >= 0) return Result.fail(`is not text: it has a zero byte at offset ${zero}`)
  try {
    return Result.succeed(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    return Result.fail("is not text: it is not valid UTF-8")
  }
}

const parse = (text: string): Result.Result<unknown, string> => {
  if (text.trim() === "") return Result.fail(`is empty; expected at least one of the sections ${sections.join(", ")}`)
  try {
    return Result.succeed(Yaml.parse(text))
  } catch (cause) {
    return Result.fail(`is not YAML: ${quoteMessage(cause instanceof Error ? cause.message : "unknown reason")}`)
  }
}

/** Reads and parses one configuration file; its keys are checked, its values not yet. */
export const readFile = (path: string): Effect.Effect<Collected, UnreadableFile> =>
  Effect.suspend(() => {
    const source = escapeLine(path)
    const parsed = Result.flatMap(Result.flatMap(readBytes(path), decodeUtf8), parse)
    return Result.isFailure(parsed)
      ? Effect.fail(new UnreadableFile({ source, detail: parsed.failure }))
      : Effect.succeed(collect(parsed.success, source))
  })

/** Whether something has this name. What cannot be looked at counts as there, so that reading it says why. */
const isThere = (path: string): boolean => {
  try {
    return Fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}

/** The default files that exist in a directory. */
export const existingFiles = (directory: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.sync(() =>
    defaultFiles.map((name) => directory === "." ? name : Path.join(directory, name)).filter((path) => isThere(path))
  )
