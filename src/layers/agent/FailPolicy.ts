import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Action, Decision } from "../../domain/Decision.ts"
import type { FailMode, FailureClass } from "../../domain/FailureClass.ts"
import * as FailTable from "../../domain/decide/FailTable.ts"
import { RecentMap } from "../../domain/RecentMap.ts"
import { SlidingCount } from "../../domain/flow/SlidingCount.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { unscored } from "../../domain/decide/Verdict.ts"
import type { CallPolicy } from "../../services/BrainConnector.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { FailPolicy } from "../../services/FailPolicy.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"

/** Functions whose last verdict is remembered. */
export const verdictsMax = 4096
/** A verdict older than this says nothing about today's calls. */
export const verdictAgeMsMax = 3_600_000

interface Verdict {
  action: Action
  at: number
}

/** Layer with the fail table under the settings in force at the moment of each failure. */
export const layer: Layer.Layer<FailPolicy, never, PicConfig | PicClock | CryptoCore> = Layer.effect(
  FailPolicy,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const crypto = yield* CryptoCore
    const prefix = `f${Buffer.from(crypto.randomBytesUnsafe(6)).toString("hex")}-`
    const verdicts = new RecentMap<string, Verdict>(verdictsMax)
    const failedOpen = new SlidingCount()
    let ids = 0
    // What a failure inside this policy falls back on: the mode that was last in force.
    let lastMode: FailMode = config.settingsUnsafe().cellagent.fail_mode

    const decision = (event: TelemetryEvent, outcome: FailTable.FailOutcome): Decision =>
      unscored(outcome, prefix + (++ids).toString(36), event.id)

    const overBudget = (failure: FailureClass, event: TelemetryEvent, now: number): FailTable.FailOutcome => {
      const verdict = verdicts.get(event.fn)
      return verdict === undefined || now - verdict.at > verdictAgeMsMax
        ? FailTable.overBudget[failure]
        : FailTable.lastKnown[failure][verdict.action]
    }

    const outcomeOf = (failure: FailureClass, event: TelemetryEvent, policy: CallPolicy): FailTable.FailOutcome => {
      const { fail_mode, fail_open_budget } = config.settingsUnsafe().cellagent
      lastMode = fail_mode
      const mode = policy.failMode ?? fail_mode
      if (policy.enforced && mode === "open" && fail_open_budget !== "off") {
        const now = clock.nowUnsafe()
        if (failedOpen.total(now) >= fail_open_budget) return overBudget(failure, event, now)
        failedOpen.add(now)
      }
      return FailTable.lookup(failure, mode, policy.enforced)
    }

    return FailPolicy.of({
      decideUnsafe: (failure, event, policy) => {
        try {
          return decision(event, outcomeOf(failure, event, policy))
        } catch {
          return decision(event, FailTable.lookup("Defect", policy.failMode ?? lastMode, policy.enforced))
        }
      },
      rememberUnsafe: (event, { action }) => {
        const verdict = verdicts.get(event.fn)
        if (verdict === undefined) {
          verdicts.set(event.fn, { action, at: event.timestamp })
          return
        }
        verdict.action = action
        verdict.at = event.timestamp
      }
    })
  })
)
