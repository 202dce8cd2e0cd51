import * as Context from "effect/Context"
import { OwnUsage } from "../domain/flow/OwnUsage.ts"

/**
 * Our own share of memory and processor time: one record per process, because `limits.memory_mb` and `limits.cpu_share`
 * bound what effect-pic uses of the process, whatever the number of agents in it.
 */
export const OwnResources: Context.Reference<OwnUsage> = Context.Reference<OwnUsage>(
  "effect-pic/services/OwnResources",
  {
    defaultValue: () => new OwnUsage()
  }
)
