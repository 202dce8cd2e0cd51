import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeUtil from "node:util"
import type { CallFeatures } from "../../domain/CallFeatures.ts"
import { CallDescriber } from "../../domain/features/CallDescriber.ts"
import type { ObjectProbe } from "../../domain/features/ObjectProbe.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { TelemetryGenerator } from "../../services/TelemetryGenerator.ts"

/** What Node knows about objects by their internal slots, without running application code. */
export const probe: ObjectProbe = {
  isProxy: NodeUtil.types.isProxy,
  isMap: NodeUtil.types.isMap,
  isSet: NodeUtil.types.isSet,
  isDate: NodeUtil.types.isDate,
  isError: NodeUtil.types.isNativeError,
  isArrayBuffer: NodeUtil.types.isAnyArrayBuffer
}

/** The description of arguments that could not be described: their number, and that something is missing. */
const undescribed = (args: ReadonlyArray<unknown>): CallFeatures => ({
  arity: Math.min(args.length, 0xffff),
  arguments: [],
  truncated: true
})

const make = (key: readonly [number, number]): TelemetryGenerator["Service"] => {
  const describer = new CallDescriber(key, probe)
  const describeUnsafe = (args: ReadonlyArray<unknown>, redact: ReadonlySet<string> | undefined): CallFeatures => {
    try {
      return describer.describe(args, redact)
    } catch {
      return undescribed(args)
    }
  }
  return TelemetryGenerator.of({
    describeUnsafe,
    describe: (args, redact) => Effect.sync(() => describeUnsafe(args, redact)),
    hashUnsafe: (value) => describer.hash(value)
  })
}

/** Layer that describes calls, keyed by the feature key of the keyset: a replaced key holds from the next call on. */
export const layer: Layer.Layer<TelemetryGenerator, never, KeyManager> = Layer.effect(
  TelemetryGenerator,
  KeyManager.useSync((keys) => {
    let key = keys.featureKeyUnsafe()
    let generator = make(key)
    const follow = (): TelemetryGenerator["Service"] => {
      const now = keys.featureKeyUnsafe()
      if (now === key) return generator
      // Other changes of the keyset come with an equal key: what is known about paths is kept then.
      if (now[0] !== key[0] || now[1] !== key[1]) generator = make(now)
      key = now
      return generator
    }
    return TelemetryGenerator.of({
      describeUnsafe: (args, redact) => follow().describeUnsafe(args, redact),
      describe: (args, redact) => Effect.suspend(() => follow().describe(args, redact)),
      hashUnsafe: (value) => follow().hashUnsafe(value)
    })
  })
)

/** Layer with a fixed key, for tools that replay recorded calls without a keyset. */
export const layerKeyed = (key: readonly [number, number]): Layer.Layer<TelemetryGenerator> =>
  Layer.sync(TelemetryGenerator, () => make(key))
