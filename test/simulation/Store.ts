import { Effect, Layer } from "effect"
import { decodeBody } from "../../src/domain/audit/BodyBytes.ts"
import type { AuditRecord } from "../../src/domain/audit/AuditRecord.ts"
import { AuditStore, AuditStoreError } from "../../src/services/AuditStore.ts"

/** How the disk under the evidence behaves: as it should, slowly before or after writing, full, or not answering. */
export type DiskState = "well" | "slow" | "late" | "full" | "hanging"

/** A store that fails as a disk does, and remembers which block became durable when, in order of events. */
export const makeDisk = () => {
  let state: DiskState = "well"
  let delayMs = 0
  const fired: Record<DiskState, number> = { well: 0, slow: 0, late: 0, full: 0, hanging: 0 }
  /** Decision id of each durable block record, as often as there are records. */
  const durable = new Map<string, number>()

  const note = (records: ReadonlyArray<AuditRecord>): void => {
    for (const { body, kind } of records) {
      if (kind !== "block") continue
      const id = String(decodeBody(body)["decisionId"])
      durable.set(id, (durable.get(id) ?? 0) + 1)
    }
  }
  const hangs = Effect.suspend(() => Effect.sleep(50)).pipe(Effect.repeat({ while: () => state === "hanging" }))
  const layer: Layer.Layer<AuditStore, never, AuditStore> = Layer.effect(
    AuditStore,
    Effect.map(AuditStore, (inner) =>
      AuditStore.of({
        ...inner,
        append: (entries) =>
          Effect.suspend(() => {
            fired[state]++
            const write = Effect.tap(inner.append(entries), (records) => Effect.sync(() => note(records)))
            switch (state) {
              case "well":
                return write
              case "slow":
                return Effect.delay(write, delayMs)
              case "late":
                return Effect.tap(write, () => Effect.sleep(delayMs))
              case "full":
                return Effect.fail(new AuditStoreError({ detail: "no space left on device", poisoned: false }))
              case "hanging":
                return Effect.andThen(hangs, write)
            }
          })
      }))
  )
  return {
    layer,
    durable,
    fired,
    set: (next: DiskState, ms: number) => {
      state = next
      delayMs = ms
    }
  }
}
export type Disk = ReturnType<typeof makeDisk>
