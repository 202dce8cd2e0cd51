import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import {
  decodeCommand,
  decodeSealed,
  encodeGreeting,
  encodeReply,
  encodeSealed,
  macInput,
  nonceLength,
  type OperatorCommand,
  type OperatorReply,
  protocolVersion,
  replyBytesMax,
  requestBytesMax
} from "../../domain/operate/OperatorProtocol.ts"
import { Alerts } from "../../services/Alerts.ts"
import { AuditLogger } from "../../services/AuditLogger.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicMetrics } from "../../services/PicMetrics.ts"

/** How long a client may take to send its command. */
export const requestTimeoutMs = 5_000
/** How long a command may take: a doctor's canary waits at most a few seconds for each hop. */
export const commandTimeout = "60 seconds"
/** Least time between two audit records of refused commands, in ms: refusals must not be a way to fill the disk. */
export const refusalRecordIntervalMs = 1_000

/** Refusals that mean that somebody without the key tried. */
const isForged = (reason: string): boolean => reason === "unknown key" || reason === "bad signature"

type Serve = (socket: Net.Socket) => void

/**
 * Makes the handler of connections: greets with a nonce, reads one sealed command, carries it out, seals the reply. A
 * command that does not prove the operator key is refused without an answer, counted and put on record.
 */
export const make = Effect.fnUntraced(function*(
  actions: (command: OperatorCommand) => Effect.Effect<OperatorReply>
): Effect.fn.Return<
  Serve,
  never,
  CryptoCore | KeyManager | PicMetrics | AuditLogger | PicClock | Alerts | Scope.Scope
> {
  const crypto = yield* CryptoCore
  const keys = yield* KeyManager
  const metrics = yield* PicMetrics
  const audit = yield* AuditLogger
  const clock = yield* PicClock
  const alerts = yield* Alerts
  const fork = yield* FiberSet.makeRuntime()
  let recordedAt = Number.NEGATIVE_INFINITY

  const refuse = (socket: Net.Socket, reason: string): void => {
    metrics.incrementUnsafe("security_violations")
    if (isForged(reason)) metrics.incrementUnsafe("attacks_forged")
    alerts.raiseUnsafe("security_violation", `a command at the operator socket was refused: ${reason}`)
    if (clock.nowUnsafe() - recordedAt >= refusalRecordIntervalMs) {
      recordedAt = clock.nowUnsafe()
      audit.recordUnsafe("violation", { where: "operator socket", reason })
    }
    socket.destroy()
  }

  const seal = (nonce: Uint8Array, reply: OperatorReply): string => {
    const full = encodeReply(reply)
    const body = Buffer.byteLength(full) <= replyBytesMax / 2
      ? full
      : encodeReply({ _tag: "Refused", message: "the answer is larger than a reply may be" })
    const key = keys.getActiveKeyUnsafe("operator")
    const mac = Buffer.from(crypto.macUnsafe(key, macInput("reply", nonce, key.id, body))).toString("base64url")
    return encodeSealed({ v: protocolVersion, keyId: key.id, body, mac })
  }

  const verified = (nonce: Uint8Array, line: string): Result.Result<string, string> => {
    const sealed = decodeSealed(line)
    if (Result.isFailure(sealed)) return Result.fail("malformed")
    const { body, keyId, mac } = sealed.success
    const key = keys.verifyKeyUnsafe("operator", keyId)
    if (key === undefined) return Result.fail("unknown key")
    return crypto.verifyMacUnsafe(key, macInput("command", nonce, keyId, body), Buffer.from(mac, "base64url"))
      ? Result.succeed(body)
      : Result.fail("bad signature")
  }

  const answer = (body: string): Effect.Effect<OperatorReply> => {
    const command = decodeCommand(body)
    return Result.isFailure(command)
      ? Effect.succeed({ _tag: "Refused", message: "this process does not know that command" })
      : actions(command.success).pipe(
        Effect.timeoutOrElse({
          duration: commandTimeout,
          orElse: () =>
            Effect.succeed<OperatorReply>({ _tag: "Refused", message: `no result within ${commandTimeout}` })
        }),
        Effect.catchCause(() => Effect.succeed<OperatorReply>({ _tag: "Refused", message: "the command failed" }))
      )
  }

  return (socket) => {
    const nonce = Uint8Array.from(crypto.randomBytesUnsafe(nonceLength))
    let received = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf(0x0a)
      if (end < 0 ? received.length > requestBytesMax : end > requestBytesMax) return refuse(socket, "too large")
      if (end < 0) return
      socket.off("data", onData)
      socket.setTimeout(0)
      const body = verified(nonce, received.subarray(0, end).toString("utf8"))
      if (Result.isFailure(body)) return refuse(socket, body.failure)
      fork(Effect.map(answer(body.success), (reply) => void socket.end(`${seal(nonce, reply)}\n`)))
    }
    socket.on("error", () => socket.destroy())
    socket.setTimeout(requestTimeoutMs, () => socket.destroy())
    socket.on("data", onData)
    socket.write(
      `${encodeGreeting({ v: protocolVersion, nonce: Buffer.from(nonce).toString("base64url"), pid: process.pid })}\n`
    )
    socket.resume()
  }
})
