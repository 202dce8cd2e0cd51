import * as Effect from "effect/Effect"
import { RecentMap } from "../../domain/RecentMap.ts"
import * as Rollout from "../../domain/decide/Rollout.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import { Alerts } from "../../services/Alerts.ts"
import type { CallSite } from "../../services/CellAgent.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { ErrorRecovery } from "../../services/ErrorRecovery.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { TelemetryGenerator } from "../../services/TelemetryGenerator.ts"

/** Sessions whose keyed hash is remembered, so that a session is hashed once and not at every call. */
export const sessionsMax = 4_096
/** Wrap names whose arity is remembered for the warning about one name on two functions. */
export const namesMax = 10_000

/** Makes the events of one agent: identity, time, subject, session and features. */
export interface EventSource {
  readonly describeUnsafe: (
    site: CallSite,
    args: ReadonlyArray<unknown>,
    session: string,
    samplingProbability: number
  ) => TelemetryEvent
}

/** Makes the source of an agent with a fresh random identity. */
export const make: Effect.Effect<
  EventSource,
  never,
  PicConfig | PicClock | CryptoCore | TelemetryGenerator | ErrorRecovery | Alerts
> = Effect.gen(function*() {
  const config = yield* PicConfig
  const clock = yield* PicClock
  const crypto = yield* CryptoCore
  const telemetry = yield* TelemetryGenerator
  const recovery = yield* ErrorRecovery
  const alerts = yield* Alerts
  const agentId = config.settingsUnsafe().cellagent.agent_id
  const prefix = `e-${Buffer.from(crypto.randomBytesUnsafe(6)).toString("hex")}-`
  const sessions = new RecentMap<string, string>(sessionsMax)
  let counter = 0

  // Two keyed 32-bit hashes: one alone would merge sessions long before a million of them.
  const hashedSession = (session: string): string => {
    if (session === "") return ""
    const known = sessions.get(session)
    if (known !== undefined) return known
    const hashed = `${Rollout.subjectHash(telemetry.hashUnsafe(session))}.${
      Rollout.subjectHash(telemetry.hashUnsafe(`session:${session}`))
    }`
    sessions.set(session, hashed)
    return hashed
  }

  const subjectOf = (site: CallSite, args: ReadonlyArray<unknown>): string | undefined => {
    if (site.subject === undefined) return undefined
    try {
      return site.subject(args)
    } catch (cause) {
      recovery.handleLogicErrorUnsafe(`subject of ${site.fn}`, cause)
      return undefined
    }
  }

  // Baselines are kept by name, so two different functions under one name would teach each other's.
  const seen = new WeakSet<CallSite>()
  const arities = new RecentMap<string, number>(namesMax)
  const noteSite = (site: CallSite): void => {
    seen.add(site)
    const known = arities.get(site.fn)
    if (known === undefined) arities.set(site.fn, site.arity)
    else if (known !== site.arity) {
      alerts.raiseUnsafe(
        "review",
        `two functions with ${known} and ${site.arity} parameters are wrapped as "${site.fn}": give each its own name`
      )
    }
  }

  return {
    describeUnsafe: (site, args, session, samplingProbability) => {
      if (!seen.has(site)) noteSite(site)
      // Read before the description, so that the decision latency contains its cost.
      const timestamp = clock.nowUnsafe()
      const subject = subjectOf(site, args) ?? session
      return {
        id: prefix + (++counter).toString(36),
        agentId,
        fn: site.fn,
        session: hashedSession(session),
        subjectHash: subject === "" ? "" : Rollout.subjectHash(telemetry.hashUnsafe(subject)),
        timestamp,
        priority: site.priority,
        samplingProbability,
        features: telemetry.describeUnsafe(args, site.redact)
      }
    }
  }
})
