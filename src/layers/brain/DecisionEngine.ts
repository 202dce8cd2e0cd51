import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Assessment } from "../../domain/Assessment.ts"
import type { Decision } from "../../domain/Decision.ts"
import { DecisionMemory } from "../../domain/decide/DecisionMemory.ts"
import { excepted } from "../../domain/decide/Exceptions.ts"
import { fingerprint } from "../../domain/decide/Fingerprint.ts"
import { KeyedHash } from "../../domain/keys/KeyedHash.ts"
import { RecentMap } from "../../domain/RecentMap.ts"
import * as Rollout from "../../domain/decide/Rollout.ts"
import type { TelemetryEvent } from "../../domain/TelemetryEvent.ts"
import * as Verdict from "../../domain/decide/Verdict.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { DecisionEngine } from "../../services/DecisionEngine.ts"
import { Exceptions } from "../../services/Exceptions.ts"
import { PicClock } from "../../services/PicClock.ts"
import { PicConfig } from "../../services/PicConfig.ts"

/** Processed events whose decision is remembered: more than an agent can send within its deadline. */
export const processedEventsMax = 4_096
/** Decisions kept for identical events. */
export const cachedDecisionsMax = 4_096

interface Cached {
  readonly decision: Decision
  readonly until: number
}

/** Layer that decides by the false-positive budget, the exceptions and the rollout in force at the moment of the call. */
export const layer: Layer.Layer<DecisionEngine, never, PicConfig | PicClock | CryptoCore | Exceptions> = Layer.effect(
  DecisionEngine,
  Effect.gen(function*() {
    const config = yield* PicConfig
    const clock = yield* PicClock
    const crypto = yield* CryptoCore
    const exceptions = yield* Exceptions
    const prefix = `d-${Buffer.from(crypto.randomBytesUnsafe(6)).toString("hex")}-`
    const idOf = (serial: number): string => prefix + serial.toString(36)
    let counter = 0
    const key = new Uint32Array(crypto.randomBytesUnsafe(8).slice().buffer)
    const hash = new KeyedHash([key[0]!, key[1]!])
    const processed = new DecisionMemory(processedEventsMax, { hash: (eventId) => hash.string(eventId), idOf })
    const identical = new RecentMap<string, Cached>(cachedDecisionsMax)

    const remember = (event: TelemetryEvent, decision: Decision, serial: number, ttlMs: number): void => {
      processed.add(decision, serial)
      if (ttlMs > 0 && decision.source === "brain" && decision.action === "allow" && !decision.wouldBlock) {
        const key = fingerprint(event)
        if (key !== undefined) identical.set(key, { decision, until: clock.nowUnsafe() + ttlMs })
      }
    }

    const decideUnsafe = (event: TelemetryEvent, assessment: Assessment, enforced: boolean): Decision => {
      const { brain } = config.settingsUnsafe()
      const serial = ++counter
      const verdict = Verdict.decide({
        id: idOf(serial),
        eventId: event.id,
        assessment,
        falsePositiveRate: brain.false_positive_rate,
        enforced
      })
      const covering = verdict.wouldBlock ? exceptions.coverUnsafe(event, verdict.findings) : undefined
      const decision = covering === undefined ? verdict : excepted(verdict, covering)
      remember(event, decision, serial, brain.cache_ttl_ms)
      return decision
    }

    const recallUnsafe = (event: TelemetryEvent): Decision | undefined => {
      const first = processed.get(event.id)
      if (first !== undefined) return first
      if (config.settingsUnsafe().brain.cache_ttl_ms === 0) return undefined
      const key = fingerprint(event)
      const cached = key === undefined ? undefined : identical.get(key)
      if (cached === undefined || cached.until < clock.nowUnsafe()) return undefined
      return { ...cached.decision, id: idOf(++counter), eventId: event.id, source: "cache" }
    }

    return DecisionEngine.of({
      decideUnsafe,
      decide: (event, assessment, enforced) => Effect.sync(() => decideUnsafe(event, assessment, enforced)),
      recallUnsafe,
      isEnforcedUnsafe: (event) =>
        Rollout.isEnforced(config.settingsUnsafe().rollout, Rollout.positionOf(event.subjectHash))
    })
  })
)
