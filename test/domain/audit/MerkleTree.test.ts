import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import { InclusionProver, MerkleTree, verifyInclusion } from "../../../src/domain/audit/MerkleTree.ts"

const sha256 = (data: Uint8Array): Uint8Array => Crypto.hash("sha256", data, "buffer")
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const entry = (n: number): Uint8Array => sha256(Buffer.from(`entry ${n}`))

/** RFC 6962, section 2.1, word for word. */
const definition = (entries: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (entries.length === 0) return sha256(new Uint8Array(0))
  if (entries.length === 1) return sha256(Buffer.concat([Buffer.of(0), entries[0]!]))
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha256(Buffer.concat([Buffer.of(1), definition(entries.slice(0, k)), definition(entries.slice(k))]))
}

const sizes = [...Array(70).keys(), 127, 128, 129, 255, 256, 257]

describe("MerkleTree", () => {
  it("has the root that RFC 6962 defines, also when continued from its stored form", () => {
    for (const size of sizes) {
      const entries = Array.from({ length: size }, (_, n) => entry(n))
      const tree = new MerkleTree(sha256)
      for (const one of entries.slice(0, size >> 1)) tree.append(one)
      const continued = MerkleTree.fromBytes(sha256, tree.size, tree.toBytes())
      assert.isDefined(continued)
      for (const one of entries.slice(size >> 1)) continued?.append(one)
      assert.strictEqual(hex(continued!.root()), hex(definition(entries)), `${size} entries`)
    }
  })

  it("refuses a stored form that cannot be a tree of that size", () => {
    assert.isUndefined(MerkleTree.fromBytes(sha256, 3, new Uint8Array(32)))
    assert.isUndefined(MerkleTree.fromBytes(sha256, 4, new Uint8Array(31)))
    assert.isDefined(MerkleTree.fromBytes(sha256, 0, new Uint8Array(0)))
  })

  it("proves every entry of every tree, and nothing else", () => {
    for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 16, 21, 33, 64, 65]) {
      const entries = Array.from({ length: size }, (_, n) => entry(n))
      const root = definition(entries)
      for (let at = 0; at < size; at++) {
        const prover = new InclusionProver(sha256, at, size)
        for (const one of entries) prover.append(one)
        const path = prover.path()!
        assert.isTrue(verifyInclusion(sha256, entries[at]!, at, size, path, root), `${at} of ${size}`)
        assert.isFalse(verifyInclusion(sha256, entry(999), at, size, path, root), "another entry")
        assert.isFalse(verifyInclusion(sha256, entries[at]!, at, size, path, entry(0)), "another root")
        assert.isFalse(verifyInclusion(sha256, entries[at]!, at, size, [...path, entry(0)], root), "a longer path")
        if (path.length > 0) {
          assert.isFalse(verifyInclusion(sha256, entries[at]!, at, size, path.slice(1), root), "a shorter path")
        }
        if (at > 0) assert.isFalse(verifyInclusion(sha256, entries[at]!, at - 1, size, path, root), "another place")
      }
    }
  })

  it("answers only when it has seen every leaf", () => {
    const prover = new InclusionProver(sha256, 0, 2)
    prover.append(entry(0))
    assert.isUndefined(prover.path())
    assert.isFalse(verifyInclusion(sha256, entry(0), 0, 0, [], entry(0)))
    assert.isFalse(verifyInclusion(sha256, entry(0), -1, 1, [], entry(0)))
  })

  it("gives the same path where the first entries are known only by their tree", () => {
    for (let size = 1; size <= 34; size++) {
      for (let at = 0; at < size; at++) {
        const whole = new InclusionProver(sha256, at, size)
        for (let n = 0; n < size; n++) whole.append(entry(n))
        for (let begun = 0; begun <= at; begun++) {
          const tree = new MerkleTree(sha256)
          for (let n = 0; n < begun; n++) tree.append(entry(n))
          const prover = new InclusionProver(sha256, at, size, tree)
          for (let n = begun; n < size; n++) prover.append(entry(n))
          assert.deepStrictEqual(prover.path(), whole.path(), `entry ${at} of ${size}, ${begun} retired`)
        }
      }
    }
  })

  it("proves one record in 100,000 with 17 hashes, so one in a million with 20: less than a kilobyte", () => {
    const size = 100_000
    const target = 65_432
    const prover = new InclusionProver(sha256, target, size)
    const tree = new MerkleTree(sha256)
    const bytes = Buffer.alloc(32)
    for (let n = 0; n < size; n++) {
      bytes.writeUInt32BE(n)
      tree.append(bytes)
      prover.append(bytes)
    }
    bytes.writeUInt32BE(target)
    const path = prover.path()!
    assert.isTrue(verifyInclusion(sha256, bytes, target, size, path, tree.root()))
    assert.strictEqual(path.length, Math.ceil(Math.log2(size)))
    assert.isBelow(Math.ceil(Math.log2(1_000_000)) * 32, 1_024)
  })
})
