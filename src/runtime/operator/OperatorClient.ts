import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Net from "node:net"
import {
  decodeGreeting,
  decodeReply,
  decodeSealed,
  encodeCommand,
  encodeSealed,
  macInput,
  nonceLength,
  type OperatorCommand,
  type OperatorReply,
  protocolVersion,
  replyBytesMax
} from "../../domain/operate/OperatorProtocol.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"

/** Nobody serves the socket: no process runs on this storage directory, or it has no socket. */
export class NotRunning extends Schema.TaggedError<NotRunning>()("NotRunning", { path: Schema.String }) {
  override get message() {
    return `no process serves ${this.path}`
  }
}

/** The process refused the command, or what answers cannot be trusted. */
export class OperatorRefused
  extends Schema.TaggedError<OperatorRefused>()("OperatorRefused", { detail: Schema.String })
{
  override get message() {
    return this.detail
  }
}

/** Why a command had no result. */
export class OperatorError extends Schema.TaggedError<OperatorError>()("OperatorError", {
  reason: Schema.Union([NotRunning, OperatorRefused])
}) {
  override get message() {
    return this.reason.message
  }
}

/** How long a client waits for each line: above the server's own limit for a command. */
export const replyTimeout = "65 seconds"

const refused = (detail: string): OperatorError => new OperatorError({ reason: new OperatorRefused({ detail }) })

const failureOf = (path: string, error: Error): OperatorError => {
  const code = "code" in error ? String(error.code) : "unknown reason"
  return code === "ENOENT" || code === "ECONNREFUSED"
    ? new OperatorError({ reason: new NotRunning({ path }) })
    : refused(`operator socket ${path}: ${code}`)
}

/** One connection: sends what `answer` makes of the greeting, and resolves with the second line. */
const converse = (
  path: string,
  answer: (greeting: string) => Result.Result<string, OperatorError>
): Effect.Effect<string, OperatorError> =>
  Effect.callback((resume) => {
    const socket = Net.connect({ path })
    const lines: Array<string> = []
    let received = Buffer.alloc(0)
    const finish = (result: Effect.Effect<string, OperatorError>): void => {
      resume(result)
      socket.destroy()
    }
    const onLine = (line: string): void => {
      lines.push(line)
      if (lines.length > 1) return finish(Effect.succeed(line))
      const request = answer(line)
      if (Result.isFailure(request)) return finish(Effect.fail(request.failure))
      socket.write(`${request.success}\n`)
    }
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let end = received.indexOf(0x0a); end >= 0 && !socket.destroyed; end = received.indexOf(0x0a)) {
        const line = received.subarray(0, end).toString("utf8")
        received = received.subarray(end + 1)
        onLine(line)
      }
      if (received.length > replyBytesMax) finish(Effect.fail(refused("the answer is larger than a reply may be")))
    })
    socket.on("error", (error) => finish(Effect.fail(failureOf(path, error))))
    socket.on("close", () => finish(Effect.fail(refused("the process refused the command: it does not know this key"))))
    return Effect.sync(() => socket.destroy())
  })

/** Sends one command to the process that serves a socket, and verifies that the answer is its own. */
export const call = (
  path: string,
  command: OperatorCommand
): Effect.Effect<Schema.Json, OperatorError, CryptoCore | KeyManager> =>
  Effect.gen(function*() {
    const crypto = yield* CryptoCore
    const keys = yield* KeyManager
    let nonce = new Uint8Array(0)
    const line = yield* converse(path, (greeting) => {
      const decoded = decodeGreeting(greeting)
      if (Result.isFailure(decoded)) return Result.fail(refused("what answers is no operator socket of this version"))
      nonce = new Uint8Array(Buffer.from(decoded.success.nonce, "base64url"))
      if (nonce.length !== nonceLength) {
        return Result.fail(refused("what answers is no operator socket of this version"))
      }
      const key = keys.getActiveKeyUnsafe("operator")
      const body = encodeCommand(command)
      const mac = Buffer.from(crypto.macUnsafe(key, macInput("command", nonce, key.id, body))).toString("base64url")
      return Result.succeed(encodeSealed({ v: protocolVersion, keyId: key.id, body, mac }))
    }).pipe(Effect.timeoutOrElse({
      duration: replyTimeout,
      orElse: () => Effect.fail(refused("the process did not answer in time"))
    }))
    const reply = openReply(crypto, keys, nonce, line)
    if (reply === undefined) return yield* Effect.fail(refused("the answer is not from a process that has the keys"))
    return reply._tag === "Done" ? reply.result : yield* Effect.fail(refused(reply.message))
  })

const openReply = (
  crypto: CryptoCore["Service"],
  keys: KeyManager["Service"],
  nonce: Uint8Array,
  line: string
): OperatorReply | undefined => {
  const sealed = decodeSealed(line)
  if (Result.isFailure(sealed)) return undefined
  const { body, keyId, mac } = sealed.success
  const key = keys.verifyKeyUnsafe("operator", keyId)
  if (key === undefined) return undefined
  if (!crypto.verifyMacUnsafe(key, macInput("reply", nonce, keyId, body), Buffer.from(mac, "base64url"))) {
    return undefined
  }
  return Result.getOrElse(decodeReply(body), () => undefined)
}
