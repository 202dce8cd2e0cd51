import * as Effect from "effect/Effect"
import { type KeyNode, openNode } from "./KeyNode.ts"
import type { Answer, Question } from "./Peer.ts"

/** A node in a process of its own: answers the questions of `Peer.ts` until its parent is gone. */
const directory = process.argv[2] ?? ""

const answer = Effect.fnUntraced(function*(node: KeyNode, question: Question) {
  switch (question._tag) {
    case "exchange":
      return { verdicts: node.verify(question.frames), frames: node.sign(question.frames.length) }
    case "rotate":
      return { verdicts: {}, frames: [], generation: (yield* node.keys.rotateKeys).generation }
    case "generation":
      return { verdicts: {}, frames: [], generation: (yield* node.keys.list).generation }
  }
})

const main = Effect.gen(function*() {
  const node = yield* openNode(directory)
  const send = (reply: Answer | "ready") => void process.send?.(reply)
  process.on("message", (question: Question) => {
    Effect.runPromise(answer(node, question)).then(
      (reply) => send({ id: question.id, ...reply }),
      (error: unknown) => send({ id: question.id, verdicts: {}, frames: [], error: String(error) })
    )
  })
  process.on("disconnect", () => process.exit(0))
  send("ready")
  return yield* Effect.never
})

void Effect.runPromise(Effect.scoped(main))
