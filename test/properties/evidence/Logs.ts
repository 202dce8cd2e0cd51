import * as fc from "fast-check"
import * as Crypto from "node:crypto"
import type { AuditHead } from "../../../src/domain/audit/AuditHead.ts"
import { auditKinds } from "../../../src/domain/audit/AuditKinds.ts"
import type { AuditRecord } from "../../../src/domain/audit/AuditRecord.ts"
import { type ChainEntry, sealRecord } from "../../../src/domain/audit/Chain.ts"
import { checkpointBytes, headMacBytes } from "../../../src/domain/audit/HeadSigning.ts"
import { MerkleTree } from "../../../src/domain/audit/MerkleTree.ts"
import { genesisHash } from "../../../src/domain/audit/RecordBytes.ts"
import type { VerifierCrypto } from "../../../src/domain/audit/Verifier.ts"

export const sha256 = (data: Uint8Array): Uint8Array => Crypto.hash("sha256", data, "buffer")

const macKeys = new Map(["k1", "k2", "k3"].map((id) => [id, Crypto.createSecretKey(sha256(Buffer.from(id)))]))

export const keyIds: ReadonlyArray<string> = [...macKeys.keys()]
export const macWith = (id: string) => (data: Uint8Array): Uint8Array =>
  Crypto.createHmac("sha256", macKeys.get(id)!).update(data).digest()

/**
 * The checkpoint key of the model. HMAC stands in for Ed25519, which is 50 times slower: who holds it can sign and nobody
 * else can, which is all that these properties need. The real signature is tested with the stores.
 */
const checkpointKey = Crypto.createSecretKey(sha256(Buffer.from("checkpoint")))
const sign = (data: Uint8Array): Uint8Array => Crypto.createHmac("sha512", checkpointKey).update(data).digest()

export const crypto: VerifierCrypto = {
  sha256,
  verifyMac: (id, data, mac) => macKeys.has(id) ? Buffer.from(mac).equals(macWith(id)(data)) : undefined,
  verifySignature: (data, signature) => Buffer.from(signature).equals(sign(data))
}

/** A log with the heads that its writer left. */
export interface Log {
  readonly id: Uint8Array
  readonly records: ReadonlyArray<AuditRecord>
  readonly heads: ReadonlyArray<AuditHead>
}

/** Seals entries one after the other, each with the key that was active then. */
export const seal = (
  id: Uint8Array,
  entries: ReadonlyArray<{ readonly entry: ChainEntry; readonly keyId: string }>,
  before: ReadonlyArray<AuditRecord> = []
): ReadonlyArray<AuditRecord> => {
  const records = [...before]
  for (const { entry, keyId } of entries) {
    const tail = records.at(-1) ?? { seq: 0, hash: genesisHash(sha256, id) }
    records.push(sealRecord(entry, tail, keyId, sha256, macWith(keyId)))
  }
  return records
}

/** The head over the first `seq` records, with a checkpoint `behind` records behind it. */
export const headOf = (id: Uint8Array, records: ReadonlyArray<AuditRecord>, seq: number, behind = 0): AuditHead => {
  const end = Math.max(0, seq - behind)
  const tree = new MerkleTree(sha256)
  for (const record of records.slice(0, end)) tree.append(record.hash)
  const hashAt = (n: number) => records[n - 1]?.hash ?? genesisHash(sha256, id)
  const statement = { seq: end, time: 1_000 + end, hash: hashAt(end), root: tree.root() }
  const checkpoint = { ...statement, signature: sign(checkpointBytes(id, statement)) }
  const content = {
    log: id,
    seq,
    time: 1_000 + seq,
    hash: hashAt(seq),
    checkpoint,
    keyId: records[seq - 1]?.keyId ?? "k1"
  }
  return { ...content, mac: macWith(content.keyId)(headMacBytes(content)) }
}

const entry = fc.record({
  time: fc.double({ min: 0, max: 2 ** 42, noNaN: true }),
  kind: fc.constantFrom(...auditKinds),
  body: fc.uint8Array({ maxLength: 40 })
})

/** Honest logs: keys rotate, the last records may not be covered by the head yet, the checkpoint may be a little behind. */
export const logs = (minLength: number): fc.Arbitrary<Log> =>
  fc.record({
    id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    entries: fc.array(entry, { minLength, maxLength: 14 }),
    rotations: fc.array(fc.nat({ max: 13 }), { maxLength: 2 }),
    beyond: fc.nat({ max: 2 }),
    behind: fc.nat({ max: 3 })
  }).map(({ behind, beyond, entries, id, rotations }) => {
    const sorted = rotations.toSorted((a, b) => a - b)
    const keyed = entries.map((one, i) => ({ entry: one, keyId: keyIds[sorted.filter((at) => at <= i).length]! }))
    const records = seal(id, keyed)
    const covered = Math.max(1, records.length - beyond)
    return { id, records, heads: [headOf(id, records, covered, behind), headOf(id, records, covered - 1, behind)] }
  })
