import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "node:path"
import { PicConfig } from "../../services/PicConfig.ts"
import type { StateRequest, StateThreadOptions } from "./StateThread.ts"
import * as StoreThread from "./StoreThread.ts"

/** Trace lines kept on disk: about 10 MB, and the calls of the last minutes even under load. */
export const traceRowsMax = 10_000

/** How long to wait for the owner of `state.db` to let go, as it does within moments when a process is replaced. */
const lockWaitMs = 2_000

/** The thread that owns `state.db` and `trace.db`; one for both stores. */
export class StateFiles extends Context.Service<StateFiles, StoreThread.StoreThread<StateRequest>>()(
  "effect-pic/layers/store/StateFiles"
) {}

/** Layer that starts the thread on first use and closes its files with the scope. */
export const layer: Layer.Layer<StateFiles, never, PicConfig> = Layer.effect(
  StateFiles,
  Effect.flatMap(PicConfig, (config) => {
    const { directory } = config.settingsUnsafe().storage
    const options: StateThreadOptions = {
      statePath: Path.join(directory, "state.db"),
      tracePath: Path.join(directory, "trace.db"),
      traceRowsMax,
      lockWaitMs
    }
    const entry = new URL(import.meta.url.endsWith(".ts") ? "./StateThread.ts" : "./StateThread.js", import.meta.url)
    return StoreThread.make<StateRequest>({ entry, data: options, last: { op: "close" } })
  })
)
