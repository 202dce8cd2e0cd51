import * as Effect from "effect/Effect"
import { anchorTree } from "../../domain/audit/AuditAnchor.ts"
import { decodeBody } from "../../domain/audit/BodyBytes.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import type { AuditReport } from "../../domain/audit/AuditReport.ts"
import { type InclusionProof, ProofCollector, verifyProof } from "../../domain/audit/InclusionProof.ts"
import { MerkleTree } from "../../domain/audit/MerkleTree.ts"
import { Verifier, type VerifierCrypto, type Witness } from "../../domain/audit/Verifier.ts"
import { type AuditQuery, AuditUnavailable } from "../../services/AuditLogger.ts"
import { type AuditStore, AuditStoreError } from "../../services/AuditStore.ts"
import type { CryptoCore } from "../../services/CryptoCore.ts"
import type { KeyManager } from "../../services/KeyManager.ts"

/** Records read at a time: a few milliseconds of work between which other fibers run. */
const pageRecords = 256

/** Most records in one answer of a query. */
export const queryRecordsMax = 10_000

/** What verification needs, from the services that hold it. */
export const verifierCrypto = (crypto: CryptoCore["Service"], keys: KeyManager["Service"]): VerifierCrypto => {
  const publicKey = keys.checkpointPublicKeyUnsafe()
  return {
    sha256: crypto.sha256Unsafe,
    verifyMac: (keyId, data, mac) => {
      const key = keys.auditKeyUnsafe(keyId)
      return key === undefined ? undefined : crypto.verifyMacUnsafe(key, data, mac)
    },
    verifySignature: (data, signature) => crypto.verifySignatureUnsafe(publicKey, data, signature)
  }
}

/** The result of reading a whole log: its verification, and what `visit` saw on the way. */
type Scan = Effect.Effect<AuditReport, AuditStoreError>

/**
 * Reads and checks the log as long as it was when this began, while others may go on writing. `visit` sees every record
 * that was found sound; `begin` is told first what tree of retired records they go on from.
 */
export const scan = (
  store: AuditStore["Service"],
  crypto: VerifierCrypto,
  witnesses: ReadonlyArray<Witness>,
  visit: (record: AuditRecord) => void,
  begin: (retired: MerkleTree) => void = () => undefined
): Scan =>
  Effect.gen(function*() {
    const anchor = yield* store.anchor
    begin((anchor === undefined ? undefined : anchorTree(crypto.sha256, anchor)) ?? new MerkleTree(crypto.sha256))
    // The heads first: records only ever become more, so a head that is older than the records cannot accuse them.
    const heads = yield* store.heads
    const end = Math.max(yield* store.lastSeq, ...heads.map(({ seq }) => seq))
    const verifier = new Verifier(crypto, heads, witnesses, anchor)
    let sound = true
    let next = (anchor?.seq ?? 0) + 1
    while (sound && next <= end) {
      const page = yield* store.read(next, Math.min(pageRecords, end - next + 1))
      const last = page.at(-1)
      if (last === undefined) break
      for (const record of page) {
        sound = verifier.step(record)
        if (!sound) break
        visit(record)
      }
      next = Math.max(next, last.seq) + 1
      yield* Effect.yieldNow
    }
    // What another process retired while we read is not missing.
    if ((yield* store.anchor)?.seq !== anchor?.seq) {
      return yield* new AuditStoreError({
        detail: "records were retired while the log was read; try again",
        poisoned: false
      })
    }
    return verifier.finish()
  })

/** Proves that record `seq` is in the tree that the checkpoint of the head signs, having verified the whole log. */
export const prove = (
  store: AuditStore["Service"],
  crypto: VerifierCrypto,
  witnesses: ReadonlyArray<Witness>,
  seq: number
): Effect.Effect<InclusionProof, AuditStoreError | AuditUnavailable> =>
  Effect.gen(function*() {
    const head = yield* store.head
    const size = head?.checkpoint.seq ?? 0
    if (head === undefined || !Number.isSafeInteger(seq) || seq < 1 || seq > size) {
      return yield* new AuditUnavailable({ detail: `the signed checkpoint covers records 1 to ${size}, not ${seq}` })
    }
    const retired = (yield* store.anchor)?.seq ?? 0
    if (seq <= retired) return yield* new AuditUnavailable({ detail: `records 1 to ${retired} were retired` })
    let collector = new ProofCollector(crypto.sha256, head, seq)
    const report = yield* scan(store, crypto, witnesses, (record) => collector.take(record), (begun) => {
      collector = new ProofCollector(crypto.sha256, head, seq, begun)
    })
    if (!report.ok) return yield* new AuditUnavailable({ detail: `the log is damaged: ${report.detail}` })
    const proof = collector.finish()
    if (proof !== undefined && verifyProof(proof, crypto)) return proof
    return yield* new AuditUnavailable({ detail: `record ${seq} is not in the tree that the head signs` })
  })

const matches = ({ fn, kind, since, until }: AuditQuery, record: AuditRecord): boolean =>
  (kind === undefined || record.kind === kind) && (since === undefined || record.time >= since) &&
  (until === undefined || record.time <= until) && (fn === undefined || decodeBody(record.body)["fn"] === fn)

/** Collects the records that match while a log is scanned. */
export const collector = (query: AuditQuery) => {
  const limit = Math.max(0, Math.min(query.limit ?? queryRecordsMax, queryRecordsMax))
  const records: Array<AuditRecord> = []
  let total = 0
  let scanned = 0
  return {
    visit: (record: AuditRecord) => {
      scanned++
      if (!matches(query, record)) return
      total++
      if (records.length < limit) records.push(record)
    },
    answer: () => ({ records, scanned, total })
  }
}
