import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { Decision } from "../../domain/Decision.ts"
import type { CallSite, DecisionRecord, Judged } from "../../services/CellAgent.ts"
import { Monitor } from "../../services/Monitor.ts"
import { PicHealth } from "../../services/PicHealth.ts"

/** What a scripted monitor answers to a call: an action, or any part of a decision. */
export type ScriptedDecision = Decision["action"] | Partial<Decision>

/**
 * What a scripted monitor answers: decisions by function name, in order, the last one repeated; or a function of the
 * name and the arguments. Functions without a script are allowed.
 */
export type Script =
  | { readonly [fn: string]: ReadonlyArray<ScriptedDecision> }
  | ((fn: string, args: ReadonlyArray<unknown>) => ScriptedDecision)

const decisionOf = (id: string, answer: ScriptedDecision): Decision => {
  const part = typeof answer === "string" ? { action: answer } : answer
  const blocked = part.action === "block"
  return {
    id,
    eventId: id,
    action: "allow",
    source: "brain",
    reason: "scripted",
    confidence: 1,
    pValue: blocked ? 0 : 1,
    findings: [],
    wouldBlock: blocked,
    ...part
  }
}

const next = (
  script: Script,
  calls: Map<string, number>,
  fn: string,
  args: ReadonlyArray<unknown>
): ScriptedDecision => {
  if (typeof script === "function") return script(fn, args)
  const answers = script[fn] ?? []
  const index = calls.get(fn) ?? 0
  calls.set(fn, index + 1)
  return answers[Math.min(index, answers.length - 1)] ?? "allow"
}

const health = Layer.succeed(
  PicHealth,
  PicHealth.of({
    reportUnsafe: () => {},
    clearUnsafe: () => {},
    status: Effect.succeed({
      state: "not_protecting",
      reasons: ["a test layer answers instead of a brain"],
      line: "NOT PROTECTING: a test layer answers instead of a brain"
    }),
    changes: Stream.empty
  })
)

/**
 * Layer that answers as a script says and judges nothing. Like every test layer it reports `NOT PROTECTING`.
 *
 * @example
 * ```ts
 * import { MonitorTest } from "effect-pic/testing"
 *
 * const layer = MonitorTest.layerScripted({ "payments.transfer": ["allow", "block"] })
 * ```
 */
export const layerScripted = (script: Script): Layer.Layer<Monitor | PicHealth> =>
  Layer.merge(
    health,
    Layer.effect(
      Monitor,
      Effect.gen(function*() {
        const stream = yield* PubSub.unbounded<DecisionRecord>({ replay: 1_024 })
        const calls = new Map<string, number>()
        let counter = 0
        const judge = (site: CallSite, args: ReadonlyArray<unknown>): Judged => {
          const decision = decisionOf(`test-${++counter}`, next(script, calls, site.fn, args))
          PubSub.publishUnsafe(stream, { fn: site.fn, decision })
          return { decision, startedAt: 0, eventId: "" }
        }
        return Monitor.of({
          enabledUnsafe: () => true,
          judgeUnsafe: judge,
          judgeNowUnsafe: judge,
          reportUnsafe: () => {},
          decisions: Stream.fromPubSub(stream)
        })
      })
    )
  )

/** Layer that allows every call. */
export const layerAllowAll: Layer.Layer<Monitor | PicHealth> = layerScripted(() => "allow")

/** Layer that blocks every call as anomalous. */
export const layerBlockAll: Layer.Layer<Monitor | PicHealth> = layerScripted(() => "block")
