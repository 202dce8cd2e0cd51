import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { PicClock } from "../../services/PicClock.ts"
import { CryptoCore } from "../../services/CryptoCore.ts"
import { KeyManager } from "../../services/KeyManager.ts"
import { PicConfig } from "../../services/PicConfig.ts"
import { StateStore } from "../../services/StateStore.ts"
import { settings as known } from "../../domain/settings/SettingKeys.ts"
import { valueOf } from "../../domain/settings/SettingsDecode.ts"
import { firstOf, probe, unless } from "./Probe.ts"

const text = new TextEncoder()
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0

/** SHA-256 of "abc", FIPS 180-4 example 1. */
const sha256Abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

const config = probe(
  "PicConfig",
  "every setting has a valid value and an origin",
  Effect.gen(function*() {
    const picConfig = yield* PicConfig
    const settings = picConfig.settingsUnsafe()
    const origins = yield* picConfig.origins
    for (const setting of known.values()) {
      if (setting.decode(valueOf(settings, setting.key))._tag === "Failure") return `${setting.key} has no valid value`
      if (!origins.has(setting.key)) return `${setting.key} has no origin`
    }
    return unless(settings.cellagent.enabled, "cellagent.enabled is false: wrapped functions run as if unwrapped")
  })
)

const clock = probe(
  "PicClock",
  "time advances with the monotonic clock",
  Effect.gen(function*() {
    const picClock = yield* PicClock
    const monotonic = yield* Clock.Clock
    const start = picClock.nowUnsafe()
    const started = monotonic.monotonicTimeNanosUnsafe()
    if (!Number.isFinite(start)) return "time is not a number"
    yield* Effect.sleep(2)
    const passedMs = Number(monotonic.monotonicTimeNanosUnsafe() - started) / 1e6
    const movedMs = picClock.nowUnsafe() - start
    return unless(
      movedMs > passedMs / 2 && movedMs < passedMs * 2 + 10,
      `${passedMs} ms passed and it moved by ${movedMs} ms`
    )
  })
)

const primitives = probe(
  "CryptoCore",
  "MACs, hashes, random bytes and signatures are real",
  Effect.gen(function*() {
    const crypto = yield* CryptoCore
    const root = Redacted.make(Uint8Array.from(crypto.randomBytesUnsafe(32)))
    const derive = (purpose: string) => crypto.deriveKeyUnsafe(root, { id: "doctor", purpose, info: "doctor" })
    const key = derive("a")
    const message = text.encode("canary")
    const mac = Uint8Array.from(crypto.macUnsafe(key, message))
    const pair = crypto.generateSigningKeyUnsafe()
    const signature = crypto.signUnsafe(pair.seed, message)
    const altered = text.encode("Canary")
    return firstOf(
      unless(mac.length === 32 && same(crypto.macUnsafe(key, message), mac), "a MAC is not repeatable"),
      unless(crypto.verifyMacUnsafe(key, message, mac), "a genuine MAC is refused"),
      unless(!crypto.verifyMacUnsafe(key, altered, mac), "a MAC of another message is accepted"),
      unless(!crypto.verifyMacUnsafe(derive("b"), message, mac), "a MAC of another purpose is accepted"),
      unless(hex(crypto.sha256Unsafe(text.encode("abc"))) === sha256Abc, "SHA-256 is wrong"),
      unless(!same(Uint8Array.from(crypto.randomBytesUnsafe(16)), crypto.randomBytesUnsafe(16)), "random bytes repeat"),
      unless(crypto.verifySignatureUnsafe(pair.publicKey, message, signature), "a genuine signature is refused"),
      unless(
        !crypto.verifySignatureUnsafe(pair.publicKey, altered, signature),
        "a signature of another message is accepted"
      )
    )
  })
)

const keys = probe(
  "KeyManager",
  "one key per purpose; unknown keys verify nothing",
  Effect.gen(function*() {
    const crypto = yield* CryptoCore
    const manager = yield* KeyManager
    const message = text.encode("canary")
    const event = manager.getActiveKeyUnsafe("event")
    const mac = Uint8Array.from(crypto.macUnsafe(event, message))
    const verifies = manager.verifyKeyUnsafe("event", event.id)
    const signature = manager.signCheckpointUnsafe(message)
    const info = yield* manager.list
    return firstOf(
      unless(
        verifies !== undefined && crypto.verifyMacUnsafe(verifies, message, mac),
        "the active key does not verify"
      ),
      unless(
        !crypto.verifyMacUnsafe(manager.getActiveKeyUnsafe("decision"), message, mac),
        "events and decisions have the same key"
      ),
      unless(manager.verifyKeyUnsafe("event", "no-such-key") === undefined, "an unknown key is accepted"),
      unless(
        crypto.verifySignatureUnsafe(manager.checkpointPublicKeyUnsafe(), message, signature),
        "the checkpoint key does not verify its signature"
      ),
      unless(info.keys.some((one) => one.state === "primary"), "there is no primary key"),
      unless(info.keys.some((one) => one.state === "staged"), "there is no backup key")
    )
  })
)

const state = probe(
  "StateStore",
  "what is saved is found again",
  Effect.gen(function*() {
    const crypto = yield* CryptoCore
    const store = yield* StateStore
    const bytes = Uint8Array.from(crypto.randomBytesUnsafe(16))
    yield* store.save("pic.doctor", bytes)
    const entry = yield* store.load("pic.doctor")
    return unless(
      entry._tag === "Found" && same(entry.bytes, bytes),
      `the canary is ${entry._tag.toLowerCase()} or altered`
    )
  })
)

/** Proofs of what everything stands on: configuration, time, primitives, keys, state. */
export const probes = [config, clock, primitives, keys, state]
