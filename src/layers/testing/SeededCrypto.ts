import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CryptoCore } from "../../services/CryptoCore.ts"
import * as CryptoCoreLayer from "../crypto/CryptoCore.ts"

/** splitmix32: a full-period generator of 32-bit words, good enough for identifiers in tests, useless as a secret. */
const splitmix32 = (seed: number) => (): number => {
  seed = (seed + 0x9e37_79b9) | 0
  let z = seed ^ (seed >>> 16)
  z = Math.imul(z, 0x21f0_aaad)
  z ^= z >>> 15
  z = Math.imul(z, 0x735a_2d97)
  return (z ^ (z >>> 15)) >>> 0
}

/** Layer whose random bytes follow from a seed, so that a test gives the same keys, nonces and ids every time. */
export const layer = (seed: number): Layer.Layer<CryptoCore> =>
  Layer.effect(
    CryptoCore,
    Effect.map(CryptoCore, (crypto) => {
      const next = splitmix32(seed)
      return CryptoCore.of({
        ...crypto,
        randomBytesUnsafe: (length) => Uint8Array.from({ length }, () => next() & 0xff)
      })
    })
  ).pipe(Layer.provide(CryptoCoreLayer.layer))
