import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { createHash } from "node:crypto"
import * as Keyset from "../../../src/domain/keys/Keyset.ts"
import * as KeysetDocument from "../../../src/domain/keys/KeysetDocument.ts"
import { makeRandom } from "../../support/Seeded.ts"

const hash = (text: string) => createHash("sha256").update(text).digest("hex")

const make = (seed: number) => {
  const random = makeRandom(seed)
  const root = () => Redacted.make(random.bytes(32))
  let issued = 0
  const fresh = (): Keyset.FreshKey => ({ id: `k${issued++}`, root: root() })
  const keyset = Keyset.initial({
    primary: fresh(),
    backup: fresh(),
    checkpointSeed: root(),
    checkpointPublicKey: random.bytes(32),
    featureRoot: root(),
    now: 0
  })
  return { random, root, fresh, keyset }
}

const rotate = (keyset: Keyset.Keyset, fresh: Keyset.FreshKey, now: number) =>
  Result.getOrThrow(Keyset.apply(keyset, { _tag: "Rotate", fresh, now }))

describe("Keyset", () => {
  it("keeps exactly one primary and one backup through any sequence of changes", () => {
    const { fresh, keyset: start, random, root } = make(1)
    let keyset = start
    for (let step = 1; step <= 2_000; step++) {
      const command: Keyset.KeysetCommand = random.next() < 0.5
        ? { _tag: "Rotate", fresh: fresh(), now: step }
        : random.next() < 0.9
        ? {
          _tag: "Revoke",
          id: random.pick([...keyset.keys.map((key) => key.id), "unknown"]),
          fresh: fresh(),
          now: step
        }
        : { _tag: "RevokeFeatures", root: root() }
      const before = keyset
      const result = Keyset.apply(before, command)
      assert.isUndefined(Keyset.violation(before))
      if (Result.isFailure(result)) continue
      keyset = result.success
      assert.strictEqual(keyset.generation, before.generation + 1)
      assert.isUndefined(Keyset.violation(keyset), JSON.stringify(command))
      if (command._tag === "Revoke") {
        assert.strictEqual(keyset.keys.find((key) => key.id === command.id)?.status, "revoked")
      }
      for (const key of before.keys) {
        if (key.status === "revoked") {
          assert.strictEqual(keyset.keys.find((one) => one.id === key.id)?.status, "revoked")
        }
      }
    }
    assert.isAbove(keyset.generation, 1_000)
  })

  it("rotates the backup in, and gives a retired key the longest message age", () => {
    const { fresh, keyset } = make(2)
    const rotated = rotate(keyset, fresh(), 1_000)
    assert.deepStrictEqual(rotated.keys.map((key) => [key.id, key.status]), [["k0", "retired"], ["k1", "primary"], [
      "k2",
      "staged"
    ]])
    const [retired] = rotated.keys
    assert.isFalse(Keyset.isExpired(retired!, 1_300, 300))
    assert.isTrue(Keyset.isExpired(retired!, 1_301, 300))
    assert.isFalse(Keyset.isExpired(retired!, 0, 300))
  })

  it("lets the backup take over from a revoked primary", () => {
    const { fresh, keyset } = make(3)
    const revoked = Result.getOrThrow(Keyset.apply(keyset, { _tag: "Revoke", id: "k0", fresh: fresh(), now: 5 }))
    assert.strictEqual(Keyset.primaryOf(revoked)?.id, "k1")
    assert.strictEqual(Keyset.stagedOf(revoked)?.id, "k2")
    const again = Keyset.apply(revoked, { _tag: "Revoke", id: "k0", fresh: fresh(), now: 6 })
    assert.deepStrictEqual(again, Result.fail({ id: "k0", detail: "is already revoked" }))
  })

  it("refuses a key id that is taken and a keyset that is full", () => {
    const { fresh, keyset, root } = make(4)
    const taken = Keyset.apply(keyset, { _tag: "Rotate", fresh: { id: "k0", root: root() }, now: 1 })
    assert.deepStrictEqual(taken, Result.fail({ id: "k0", detail: "is already in the keyset" }))
    const old = { ...keyset.keys[0]!, status: "revoked" as const }
    const full = {
      ...keyset,
      keys: [...keyset.keys, ...Array.from({ length: Keyset.keysMax - 2 }, (_, i) => ({ ...old, id: `o${i}` }))]
    }
    assert.isUndefined(Keyset.violation(full))
    assert.isTrue(Result.isFailure(Keyset.apply(full, { _tag: "Rotate", fresh: fresh(), now: 1 })))
  })

  it("names what breaks a rule", () => {
    const { keyset } = make(5)
    const [primary, backup] = keyset.keys
    const broken: ReadonlyArray<readonly [string, Keyset.Keyset]> = [
      ["generation", { ...keyset, generation: 0 }],
      ["0 primary keys", { ...keyset, keys: [backup!] }],
      ["2 primary keys", { ...keyset, keys: [primary!, { ...primary!, id: "x" }, backup!] }],
      ["0 staged keys", { ...keyset, keys: [primary!] }],
      ["two keys of one id", { ...keyset, keys: [primary!, { ...backup!, id: primary!.id }] }],
      ["a secret", { ...keyset, featureRoot: Redacted.make(new Uint8Array(31)) }],
      ["a checkpoint key", { ...keyset, checkpointPublicKey: new Uint8Array(33) }],
      ["no time", { ...keyset, keys: [{ ...primary!, primaryAt: undefined }, backup!] }]
    ]
    for (const [reason, one] of broken) assert.include(Keyset.violation(one) ?? "fine", reason)
  })
})

describe("KeysetDocument", () => {
  it("prints and reads every keyset, exactly", () => {
    const { fresh, keyset } = make(6)
    for (const one of [keyset, rotate(keyset, fresh(), 7)]) {
      const read = Result.getOrThrow(KeysetDocument.parse(KeysetDocument.print(one, hash), hash))
      assert.strictEqual(KeysetDocument.checksumOf(read, hash), KeysetDocument.checksumOf(one, hash))
      assert.deepStrictEqual(
        read.keys.map((
          key
        ) => [key.id, key.status, key.createdAt, key.primaryAt, key.retiredAt, Redacted.value(key.root)]),
        one.keys.map((
          key
        ) => [key.id, key.status, key.createdAt, key.primaryAt, key.retiredAt, Redacted.value(key.root)])
      )
    }
  })

  it("never takes an altered file for another keyset, and never repeats what it read", () => {
    const { keyset, random } = make(7)
    const text = KeysetDocument.print(keyset, hash)
    const checksum = KeysetDocument.checksumOf(keyset, hash)
    for (let i = 0; i < 3_000; i++) {
      const at = random.below(text.length)
      const altered = random.next() < 0.2
        ? text.slice(0, at)
        : text.slice(0, at) + String.fromCharCode(32 + random.below(95)) + text.slice(at + 1)
      const read = KeysetDocument.parse(altered, hash)
      if (Result.isSuccess(read)) assert.strictEqual(KeysetDocument.checksumOf(read.success, hash), checksum)
      else {assert.match(
          read.failure,
          /^(is not a keyset|is damaged: its checksum does not match|breaks a rule of keysets: .*)$/
        )}
    }
  })
})
