import * as Effect from "effect/Effect"
import type { AuditBody, AuditRecord } from "../../domain/audit/AuditRecord.ts"
import { anchorBytes } from "../../domain/audit/HeadSigning.ts"
import { MerkleTree } from "../../domain/audit/MerkleTree.ts"
import type { VerifierCrypto, Witness } from "../../domain/audit/Verifier.ts"
import { AuditUnavailable } from "../../services/AuditLogger.ts"
import type { AuditStore } from "../../services/AuditStore.ts"
import { scan } from "./AuditReader.ts"

/** Records are retired in segments of this many: one signature and one transaction each, of a few milliseconds. */
export const segmentRecords = 1_024

/** Most segments that are retired at a time, a million records; the rest follows the next time. */
export const segmentsMax = 1_024

/** What retiring needs besides the log. */
export interface Retiring<E> {
  readonly crypto: VerifierCrypto
  readonly sign: (data: Uint8Array) => Uint8Array
  readonly witnesses: ReadonlyArray<Witness>
  /** Puts on record what is about to be retired, and waits until that is durable. */
  readonly record: (body: AuditBody) => Effect.Effect<unknown, E>
}

interface SegmentEnd {
  readonly seq: number
  readonly hash: Uint8Array
  readonly root: Uint8Array
  readonly peaks: Uint8Array
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/**
 * Deletes all whole segments whose records are older than `before`, and answers how many records those were.
 *
 * The whole log is verified first: an anchor that was signed over a damaged segment would bury the damage. Then the deletion
 * goes on record, and only then the records go.
 */
export const retire = Effect.fnUntraced(function*<E>(
  store: AuditStore["Service"],
  { crypto, record, sign, witnesses }: Retiring<E>,
  before: number,
  now: number
) {
  const begins = (yield* store.anchor)?.seq ?? 0
  const [ripe] = yield* store.read(begins + segmentRecords, 1)
  const head = yield* store.head
  if (ripe === undefined || ripe.time >= before || head === undefined) return 0
  const log = head.log
  const covered = Math.min(head.checkpoint.seq, head.seq - 1)
  let tree = new MerkleTree(crypto.sha256)
  let old = true
  const ends: Array<SegmentEnd> = []
  const visit = ({ hash, seq, time }: AuditRecord) => {
    tree.append(hash)
    old &&= time < before && seq <= covered
    if (!old || seq % segmentRecords !== 0 || ends.length >= segmentsMax) return
    ends.push({ seq, hash, root: tree.root(), peaks: tree.toBytes() })
  }
  const report = yield* scan(store, crypto, witnesses, visit, (begun) => {
    tree = begun
  })
  if (!report.ok) return yield* new AuditUnavailable({ detail: `the log is damaged: ${report.detail}` })
  const end = ends.at(-1)
  if (end === undefined) return 0
  const summary = { from: begins + 1, through: end.seq, before, hash: hex(end.hash), root: hex(end.root) }
  yield* record({ action: "retire records", ...summary })
  for (const { hash, peaks, root, seq } of ends) {
    const signature = sign(anchorBytes(log, { seq, time: now, hash, root }))
    yield* store.retire({ log, seq, time: now, hash, peaks, signature })
  }
  return end.seq - begins
})
