import { Effect, Layer } from "effect"
import type { AuditRecord } from "../../src/domain/audit/AuditRecord.ts"
import * as FailTable from "../../src/domain/decide/FailTable.ts"
import { type Overrides, parts } from "../../src/layers/Embedded.ts"
import * as PicConfigLayer from "../../src/layers/config/PicConfig.ts"
import { AuditLogger } from "../../src/services/AuditLogger.ts"
import { BrainConnector } from "../../src/services/BrainConnector.ts"
import { CellAgent } from "../../src/services/CellAgent.ts"
import { DecisionEngine } from "../../src/services/DecisionEngine.ts"
import { FailPolicy } from "../../src/services/FailPolicy.ts"
import { Monitor } from "../../src/services/Monitor.ts"
import { ReplayGuard } from "../../src/services/ReplayGuard.ts"
import type { Disk } from "./Store.ts"

/** A bug in place of a shipped part, and the words in which the checker must complain of it. */
export interface Plant {
  readonly name: string
  readonly says: RegExp
  readonly overrides: (disk: Disk) => Overrides
}

const noRecord: AuditRecord = {
  seq: 1,
  time: 0,
  kind: "block",
  body: new Uint8Array(),
  prevHash: new Uint8Array(),
  hash: new Uint8Array(),
  keyId: "",
  mac: new Uint8Array()
}

/** The usual mistakes, one at a time. */
export const plants: ReadonlyArray<Plant> = [
  {
    name: "a brain that answers before the evidence is durable",
    says: /saw the block with 0 durable records/,
    overrides: (disk) => ({
      AuditLogger: Layer.effect(
        AuditLogger,
        Effect.map(AuditLogger, (inner) =>
          AuditLogger.of({
            ...inner,
            record: (kind, body) =>
              Effect.sync(() => {
                inner.recordUnsafe(kind, body)
                return noRecord
              })
          }))
      ).pipe(Layer.provide(parts.AuditLogger), Layer.provide(disk.layer))
    })
  },
  {
    name: "a logger that writes the evidence of a block twice",
    says: /2 records of (one|its) block/,
    overrides: (disk) => ({
      AuditLogger: Layer.effect(
        AuditLogger,
        Effect.map(AuditLogger, (inner) =>
          AuditLogger.of({
            ...inner,
            record: (kind, body) =>
              Effect.tap(inner.record(kind, body), () => Effect.sync(() => inner.recordUnsafe(kind, body)))
          }))
      ).pipe(Layer.provide(parts.AuditLogger), Layer.provide(disk.layer))
    })
  },
  {
    name: "a brain that analyses a retry again",
    says: /analysed \d times/,
    overrides: () => ({
      DecisionEngine: Layer.effect(
        DecisionEngine,
        Effect.map(DecisionEngine, (inner) => DecisionEngine.of({ ...inner, recallUnsafe: () => undefined }))
      ).pipe(Layer.provide(parts.DecisionEngine))
    })
  },
  {
    name: "a guard that lets a duplicate through",
    says: /outcome learned \d times/,
    overrides: () => ({
      ReplayGuard: Layer.effect(
        ReplayGuard,
        Effect.map(ReplayGuard, (inner) => ReplayGuard.of({ ...inner, acceptUnsafe: () => "accepted" }))
      ).pipe(Layer.provide(parts.ReplayGuard))
    })
  },
  {
    name: "a connector that forgets one batch",
    says: /in flight for ever/,
    overrides: () => ({
      BrainConnector: Layer.effect(
        BrainConnector,
        Effect.map(BrainConnector, (inner) => {
          let batches = 0
          return BrainConnector.of({
            ...inner,
            sendEvents: (sent) => ++batches === 5 ? Effect.never : inner.sendEvents(sent)
          })
        })
      ).pipe(Layer.provide(parts.BrainConnector))
    })
  },
  {
    name: "an agent that judges one call twice",
    says: /calls offered of/,
    overrides: () => ({
      CellAgent: Layer.effect(
        CellAgent,
        Effect.map(CellAgent, (inner) => {
          let calls = 0
          return CellAgent.of({
            ...inner,
            judgeUnsafe: (site, args, session) => {
              if (++calls === 50) inner.judgeUnsafe(site, args, session)
              return inner.judgeUnsafe(site, args, session)
            }
          })
        })
      ).pipe(Layer.provide(parts.CellAgent))
    })
  },
  {
    name: "a fail policy that opens a closed mode",
    says: /fail_open allow for \w+ in mode closed/,
    overrides: () => ({
      FailPolicy: Layer.effect(
        FailPolicy,
        Effect.map(FailPolicy, (inner) =>
          FailPolicy.of({
            ...inner,
            decideUnsafe: (failure, event, policy) => ({
              ...inner.decideUnsafe(failure, event, policy),
              ...FailTable.lookup(failure, "open", policy.enforced)
            })
          }))
      ).pipe(Layer.provide(parts.FailPolicy))
    })
  },
  {
    name: "a monitor that waits for the verdict on an observed call",
    says: /an observed call did not run at once/,
    overrides: () => ({
      Monitor: Layer.effect(
        Monitor,
        Effect.map(Monitor, (inner) =>
          Monitor.of({
            ...inner,
            judgeUnsafe: (site, args, session) => {
              const judged = inner.judgeUnsafe(site, args, session)
              return Effect.isEffect(judged) ? judged : Effect.as(Effect.sleep(5), judged)
            }
          }))
      ).pipe(Layer.provide(parts.Monitor))
    })
  },
  {
    name: "a connector that waits for ever",
    says: /is not answered after/,
    overrides: () => ({
      BrainConnector: Layer.effect(
        BrainConnector,
        Effect.map(BrainConnector, (inner) => {
          let asked = 0
          return BrainConnector.of({
            ...inner,
            sendEventUnsafe: (event, policy) =>
              ++asked === 30
                ? Effect.delay(inner.sendEvent(event, policy), 4_000)
                : inner.sendEventUnsafe(event, policy)
          })
        })
      ).pipe(Layer.provide(parts.BrainConnector))
    })
  },
  {
    name: "a queue without its bound",
    says: /the queue grew to/,
    overrides: () => ({
      EventQueue: parts.EventQueue.pipe(Layer.provide(Layer.orDie(PicConfigLayer.layerSettings())))
    })
  }
]
