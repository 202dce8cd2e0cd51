import { Effect, Layer } from "effect"
import type { AuditRecord } from "../../../src/domain/audit/AuditRecord.ts"
import { decodeBody } from "../../../src/domain/audit/BodyBytes.ts"
import * as AuditLoggerLayer from "../../../src/layers/brain/AuditLogger.ts"
import * as Stores from "../../../src/layers/store/AuditStore.ts"
import { AuditStore, AuditStoreError } from "../../../src/services/AuditStore.ts"
import { foundation } from "../store/Setup.ts"

/**
 * What a faulty store does with an append; `written` fails although the records are there, `forgets` acknowledges without
 * keeping anything: the bug that no honest store may have.
 */
export type Fault = "none" | "refused" | "written" | "hangs" | "forgets"

/** Faults to switch on while a test runs, and what the store was asked for. */
export interface Switch {
  fault: Fault
  /** Sizes of the groups that were appended. */
  readonly groups: Array<number>
  /** Changes what reading shows, as a store that lies would. */
  show: (records: ReadonlyArray<AuditRecord>) => ReadonlyArray<AuditRecord>
}

export const makeSwitch = (): Switch => ({ fault: "none", groups: [], show: (records) => records })

const failure = new AuditStoreError({ detail: "planted failure", poisoned: true })

const nothing = { keyId: "", prevHash: new Uint8Array(0), hash: new Uint8Array(0), mac: new Uint8Array(0) }

/** A store whose faults a test switches on and off. */
export const faulty = (control: Switch): Layer.Layer<AuditStore, never, AuditStore> =>
  Layer.effect(
    AuditStore,
    Effect.map(AuditStore, (store) =>
      AuditStore.of({
        ...store,
        append: (entries) =>
          Effect.suspend(() => {
            control.groups.push(entries.length)
            switch (control.fault) {
              case "none":
                return store.append(entries)
              case "refused":
                return Effect.fail(failure)
              case "written":
                return Effect.andThen(store.append(entries), Effect.fail(failure))
              case "forgets":
                return Effect.succeed(entries.map((entry) => ({ ...entry, seq: 0, ...nothing })))
              case "hangs":
                return waitWhile(() => control.fault === "hangs").pipe(Effect.andThen(store.append(entries)))
            }
          }),
        read: (from, limit) => Effect.map(store.read(from, limit), (records) => control.show(records))
      }))
  )

const waitWhile = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.andThen(Effect.sleep("10 millis"), waitWhile(condition)) : Effect.void)

/** The logger over a store in memory with switchable faults; spools into `directory` where one is given. */
export const loggerWith = (control: Switch, directory = "memory") =>
  AuditLoggerLayer.layer.pipe(
    Layer.provideMerge(faulty(control).pipe(Layer.provide(Stores.layerMemory))),
    Layer.provideMerge(foundation(directory))
  )

export const bodyOf = (record: AuditRecord) => decodeBody(record.body)
