import { Effect } from "effect"
import { Monitor } from "effect-pic"
import { BaselineProfiler } from "../../src/services/BaselineProfiler.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"

const names = ["anna", "bert", "carla", "dario", "emma", "felix", "greta", "hugo", "ida", "jonas"]

/** Calls that the login function learns from. */
export const learnedCalls = 1_500

/** An ordinary login: a name with a number, and a small attempt counter. */
export const ordinary = (i: number): [user: string, attempt: number] => [
  `${names[i % names.length]}.${names[(i * 7 + 3) % names.length]}${(i * 37) % 1_000}`,
  1 + i % 3
]

/** A login that no ordinary one looks like. */
export const hostile: [user: string, attempt: number] = ["' OR 1=1; DROP TABLE users --", 1]

/** A protected function that counts how often it really ran. */
export const makeLogin = (name = "login") => {
  const ran = { count: 0 }
  const login = Monitor.wrap(name, (user: string, _attempt: number) =>
    Effect.sync(() => {
      ran.count++
      return user.length
    }))
  return { ran, login }
}

/** Teaches a login function its ordinary calls and makes it ready. */
export const train = Effect.fnUntraced(function*(login: ReturnType<typeof makeLogin>["login"]) {
  for (let i = 0; i < learnedCalls; i++) yield* Effect.ignore(login(...ordinary(i)))
  yield* (yield* CellAgent).flush
  yield* (yield* BaselineProfiler).finishLearning
})
