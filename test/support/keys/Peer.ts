import * as Effect from "effect/Effect"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import * as Path from "node:path"
import type { Verdicts } from "./KeyNode.ts"

export type Question =
  & { readonly id: number }
  & (
    /** Verify these frames and sign as many. */
    | { readonly _tag: "exchange"; readonly frames: ReadonlyArray<Uint8Array> }
    | { readonly _tag: "rotate" }
    | { readonly _tag: "generation" }
  )

export interface Answer {
  readonly id: number
  readonly verdicts: Verdicts
  readonly frames: ReadonlyArray<Uint8Array>
  readonly generation?: number | undefined
  readonly error?: string | undefined
}

type Asked = Question extends infer Q ? Q extends Question ? Omit<Q, "id"> : never : never

/** A node in another process. */
export interface Peer {
  readonly ask: (question: Asked) => Effect.Effect<Answer>
  readonly process: ChildProcess
}

/** Starts a node in a process of its own, over the keyset in the directory; it ends with the scope. */
export const startPeer = Effect.fnUntraced(function*(directory: string) {
  const script = Path.join(import.meta.dirname, "KeyNodeProcess.ts")
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => fork(script, [directory], { serialization: "advanced", execArgv: [] })),
    (process) => Effect.sync(() => process.kill("SIGKILL"))
  )
  const waiting = new Map<number, (answer: Answer) => void>()
  yield* Effect.promise(() => once(child, "message"))
  child.on("message", (answer: Answer) => {
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  let asked = 0
  const peer: Peer = {
    process: child,
    ask: (question) =>
      Effect.promise(() =>
        new Promise<Answer>((resolve, reject) => {
          const id = asked++
          waiting.set(id, (answer) => answer.error === undefined ? resolve(answer) : reject(new Error(answer.error)))
          child.send({ ...question, id })
        })
      )
  }
  return peer
})
