import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Settings } from "../../domain/settings/Settings.ts"
import * as CryptoCore from "../../layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../layers/crypto/KeyManager.ts"
import * as Alerts from "../../layers/observability/Alerts.ts"
import * as PicHealth from "../../layers/observability/PicHealth.ts"
import * as PicMetrics from "../../layers/observability/PicMetrics.ts"
import { type ConfigFlags, exists, foundation, keysetPath } from "./Common.ts"
import { BadInput } from "./Failure.ts"

/** Layer with the keys of the storage directory, and what they stand on. Makes a keyset where there is none. */
export const layer = (flags: ConfigFlags) =>
  Layer.provideMerge(
    KeyManager.layerFile,
    Layer.provideMerge(
      Layer.mergeAll(Layer.provideMerge(Alerts.layer, PicMetrics.layer), PicHealth.layer, CryptoCore.layer),
      foundation(flags)
    )
  ).pipe(Layer.catch((error) => Layer.effectContext(Effect.fail(new BadInput({ message: error.message })))))

/** Where the keys come from: a file, or the secret in the environment. Fails where there are none yet. */
export const source = (settings: Settings): Effect.Effect<string, BadInput> =>
  Effect.gen(function*() {
    const secret = yield* Effect.option(Config.Redacted("PIC_ROOT_SECRET"))
    if (Option.isSome(secret)) return "environment PIC_ROOT_SECRET"
    const path = keysetPath(settings)
    if (path === undefined) {
      return yield* new BadInput({ message: "storage.directory is memory: there is no keyset file" })
    }
    if (exists(path)) return path
    return yield* new BadInput({ message: `there is no keyset at ${path}; pic keys init makes one` })
  })
