import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { escapeLine } from "../../domain/Printable.ts"
import { Alerts } from "../../services/Alerts.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import type { Weakenings } from "../../services/Weakenings.ts"
import type * as Doctor from "../Doctor.ts"
import * as OperatorActions from "./OperatorActions.ts"
import * as OperatorSession from "./OperatorSession.ts"
import { socketPath } from "./OperatorSocket.ts"

/** Connections served at once: operators are few, and each command is short. */
export const connectionsMax = 8

/** Longest socket path in bytes that every system takes (`sun_path` of macOS and the BSDs; Linux has 107). */
export const pathBytesMax = 103

const reasonOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown reason"

/** Whether somebody answers on a socket: only a socket that refuses connections is stale. */
const isServed = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = Net.connect({ path })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", (error) => {
      socket.destroy()
      resume(Effect.succeed(reasonOf(error) !== "ECONNREFUSED"))
    })
  })

/** Makes room for the socket: a stale one of a crashed process goes, anything else is left alone and refused. */
const clearStale = (path: string): Effect.Effect<void, string> =>
  Effect.gen(function*() {
    const entry = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (entry === undefined) return
    if (!entry.isSocket()) return yield* Effect.fail("its path is taken by something that is not a socket")
    if (yield* isServed(path)) return yield* Effect.fail("another process serves it")
    Fs.unlinkSync(path)
  })

const listen = (server: Net.Server, path: string): Effect.Effect<void, string> =>
  Effect.callback((resume) => {
    server.once("error", (error) => resume(Effect.fail(reasonOf(error))))
    server.listen({ path }, () => {
      try {
        Fs.chmodSync(path, 0o600)
        resume(Effect.void)
      } catch (error) {
        resume(Effect.fail(reasonOf(error)))
      }
    })
  })

const closing = (server: Net.Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
  })

const open = Effect.fnUntraced(function*(path: string) {
  if (Buffer.byteLength(path) > pathBytesMax) {
    return yield* Effect.fail(`its path is longer than ${pathBytesMax} bytes`)
  }
  yield* Effect.try({
    try: () => Fs.mkdirSync(Path.dirname(path), { recursive: true, mode: 0o700 }),
    catch: reasonOf
  })
  yield* clearStale(path)
  const serve = yield* OperatorSession.make(yield* OperatorActions.make)
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => Net.createServer({ pauseOnConnect: true }, serve)),
    closing
  )
  server.maxConnections = connectionsMax
  yield* listen(server, path)
  // A later failure to accept (no file descriptors) costs that connection only.
  server.on("error", () => {})
  server.unref()
})

/**
 * Layer with the operator socket of the process, `operator.sock` in the storage directory. Where it cannot be opened the
 * application runs on without it, and an alert says so.
 */
export const layer: Layer.Layer<never, never, Doctor.Services | Weakenings> = Layer.effectDiscard(
  Effect.gen(function*() {
    const config = yield* PicConfig
    const alerts = yield* Alerts
    const path = socketPath(config.settingsUnsafe().storage.directory)
    if (path === undefined) return
    yield* Effect.catchCause(open(path), (cause) =>
      Effect.sync(() => {
        const failure = Cause.squash(cause)
        const reason = typeof failure === "string" ? failure : reasonOf(failure)
        alerts.raiseUnsafe(
          "degraded",
          `operator socket ${escapeLine(path)} could not be opened: ${
            escapeLine(reason)
          }; pic status, rollout, mode and ` +
            "doctor cannot reach this process"
        )
      }))
  })
)
