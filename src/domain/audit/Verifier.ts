import { anchorTree, type AuditAnchor } from "./AuditAnchor.ts"
import type { AuditHead } from "./AuditHead.ts"
import { isAuditKind } from "./AuditKinds.ts"
import type { AuditRecord } from "./AuditRecord.ts"
import type { AuditReport, Damage } from "./AuditReport.ts"
import { anchorBytes, checkpointBytes, headMacBytes, signatureLength } from "./HeadSigning.ts"
import { MerkleTree } from "./MerkleTree.ts"
import {
  bodyBytesMax,
  encodeRecord,
  genesisHash,
  hashLength,
  isName,
  logIdLength,
  recordMacBytes,
  sameBytes,
  type Sha256
} from "./RecordBytes.ts"

/** What verification needs of cryptography. It never needs a secret of the writer beyond the audit MAC keys. */
export interface VerifierCrypto {
  readonly sha256: Sha256
  /** Whether `mac` is the MAC of `data` with the audit key of that id; `undefined` where no such key is known. */
  readonly verifyMac: (keyId: string, data: Uint8Array, mac: Uint8Array) => boolean | undefined
  /** Whether the checkpoint key signed `data`. */
  readonly verifySignature: (data: Uint8Array, signature: Uint8Array) => boolean
}

/** A record that somebody who shares no storage with the log remembers: the running process, or an auditor. */
export interface Witness {
  readonly seq: number
  readonly hash: Uint8Array
}

interface Finding {
  readonly damage: Damage
  readonly badSeq: number | undefined
  readonly detail: string
}

const wellFormed = (record: AuditRecord): boolean =>
  Number.isSafeInteger(record.seq) && record.seq >= 1 && Number.isFinite(record.time) && isAuditKind(record.kind) &&
  isName(record.keyId) && record.prevHash.length === hashLength && record.hash.length === hashLength &&
  record.mac.length === hashLength && record.body.length <= bodyBytesMax

/**
 * Checks a log record by record, in the order in which the store gives them, against one or more heads kept apart from
 * it: the head file, and any head that a witness noted earlier. Stops at the first damage and names it.
 *
 * It holds one Merkle path and a few hashes, whatever the length of the log.
 */
export class Verifier {
  readonly #crypto: VerifierCrypto
  readonly #heads: ReadonlyArray<AuditHead>
  readonly #witnesses: ReadonlyArray<Witness>
  readonly #headSeq: number
  #tree: MerkleTree
  #retired = 0
  #finding: Finding | undefined
  #gap: Finding | undefined
  #seq = 0
  #hash: Uint8Array = new Uint8Array(0)
  #log: Uint8Array | undefined

  constructor(
    crypto: VerifierCrypto,
    heads: ReadonlyArray<AuditHead>,
    witnesses: ReadonlyArray<Witness> = [],
    anchor?: AuditAnchor
  ) {
    this.#crypto = crypto
    this.#heads = heads
    this.#witnesses = witnesses
    this.#headSeq = heads.reduce((seq, head) => Math.max(seq, head.seq), 0)
    this.#tree = new MerkleTree(crypto.sha256)
    this.#checkHeads()
    if (this.#log !== undefined) {
      this.#hash = genesisHash(crypto.sha256, this.#log)
      if (anchor !== undefined) this.#beginAt(anchor, this.#log)
      this.#compareHeads()
    } else if (anchor !== undefined) {
      this.#fail("head_missing", undefined, "records were retired but the head is missing")
    }
  }

  /** Records that were found sound so far. */
  get records(): number {
    return this.#seq - this.#retired
  }

  /** Takes the next record; `false` once damage was found and further records change nothing. */
  step(record: AuditRecord): boolean {
    if (this.#finding !== undefined) return false
    if (this.#gap !== undefined) return this.#afterGap(record, this.#gap)
    if (!wellFormed(record)) {
      return this.#fail("malformed", this.#seq + 1, `record ${this.#seq + 1} is not a well-formed record`)
    }
    const { seq } = record
    if (seq !== this.#seq + 1) return this.#outOfOrder(record)
    if (!sameBytes(this.#crypto.sha256(encodeRecord(record)), record.hash)) {
      return this.#fail("bad_hash", seq, `the content of record ${seq} does not match its hash`)
    }
    if (this.#log === undefined) {
      return this.#fail("head_missing", seq, `the log holds records but its head is missing`)
    }
    if (!sameBytes(record.prevHash, this.#hash)) {
      return this.#fail("broken_link", seq, `record ${seq} does not follow record ${seq - 1}`)
    }
    const signed = this.#crypto.verifyMac(record.keyId, recordMacBytes(record.hash), record.mac)
    if (signed === undefined) {
      return this.#fail("unknown_key", seq, `record ${seq} names the unknown key ${record.keyId}`)
    }
    if (!signed) return this.#fail("bad_mac", seq, `record ${seq} was not signed by key ${record.keyId}`)
    this.#seq = seq
    this.#hash = record.hash
    this.#tree.append(record.hash)
    return this.#compareHeads() && this.#compareWitnesses()
  }

  /** The result, once every record was taken. */
  finish(): AuditReport {
    const finding = this.#finding ?? this.#gap ?? this.#shortfall()
    const retired = this.#retired
    const counts = { records: this.records, headSeq: this.#headSeq, ...(retired > 0 ? { retired } : {}) }
    if (finding !== undefined) {
      const { badSeq, damage, detail } = finding
      return { ok: false, ...counts, damage, ...(badSeq === undefined ? {} : { badSeq }), detail }
    }
    const beyond = this.#seq - this.#headSeq
    return {
      ok: true,
      ...counts,
      detail:
        `${this.records} records verified${
          retired > 0 ? ` after ${retired} that were retired` : ""
        }; the head covers ${this.#headSeq}` +
        (beyond > 0 ? `, ${beyond} written since` : "")
    }
  }

  #fail(damage: Damage, badSeq: number | undefined, detail: string): false {
    this.#finding ??= { damage, badSeq, detail }
    return false
  }

  /** Begins after the records that were retired, where the checkpoint key says so and the heads are not older than that. */
  #beginAt(anchor: AuditAnchor, log: Uint8Array): void {
    const { hash, seq, signature, time } = anchor
    const tree = anchorTree(this.#crypto.sha256, anchor)
    if (
      tree === undefined || hash.length !== hashLength || signature.length !== signatureLength ||
      !this.#crypto.verifySignature(anchorBytes(anchor.log, { seq, time, hash, root: tree.root() }), signature)
    ) {
      this.#fail("checkpoint_forged", undefined, `the anchor at ${seq} was not signed by the checkpoint key`)
    } else if (!sameBytes(anchor.log, log)) {
      this.#fail("forked", undefined, "anchor and heads belong to different logs")
    } else if (seq > this.#headSeq) {
      this.#fail(
        "rolled_back",
        undefined,
        `records up to ${seq} were retired but the head covers only ${this.#headSeq}`
      )
    } else {
      this.#seq = this.#retired = seq
      this.#hash = hash
      this.#tree = tree
    }
  }

  #checkHeads(): void {
    for (const head of this.#heads) {
      const { checkpoint, hash, keyId, log, mac, seq } = head
      if (
        log.length !== logIdLength || hash.length !== hashLength || checkpoint.hash.length !== hashLength ||
        checkpoint.root.length !== hashLength || checkpoint.signature.length !== signatureLength || checkpoint.seq > seq
      ) {
        this.#fail("head_forged", undefined, "a head is malformed")
      } else if (!this.#crypto.verifySignature(checkpointBytes(log, checkpoint), checkpoint.signature)) {
        this.#fail("checkpoint_forged", undefined, `the checkpoint at ${checkpoint.seq} was not signed by its key`)
      } else if (this.#crypto.verifyMac(keyId, headMacBytes(head), mac) !== true) {
        this.#fail("head_forged", undefined, `the head at ${seq} was not made with the audit key ${keyId}`)
      } else if (this.#log !== undefined && !sameBytes(log, this.#log)) {
        this.#fail("forked", undefined, "the heads belong to different logs")
      } else {
        this.#log = log
      }
    }
    for (const [i, a] of this.#heads.entries()) {
      for (const b of this.#heads.slice(i + 1)) {
        if (a.seq === b.seq && !sameBytes(a.hash, b.hash)) {
          this.#fail("forked", a.seq, `two signed heads disagree about record ${a.seq}`)
        }
      }
    }
  }

  #compareHeads(): boolean {
    const end = this.#seq
    for (const { checkpoint, hash, seq } of this.#heads) {
      if (seq === end && !sameBytes(hash, this.#hash)) {
        return this.#fail("forked", end, `the log up to record ${end} is not the one that its head was made for`)
      }
      if (
        checkpoint.seq === end &&
        !(sameBytes(checkpoint.hash, this.#hash) && sameBytes(checkpoint.root, this.#tree.root()))
      ) {
        return this.#fail(
          "forked",
          end,
          `the log up to record ${end} is not the one that its checkpoint was signed for`
        )
      }
    }
    return true
  }

  #compareWitnesses(): boolean {
    for (const { hash, seq } of this.#witnesses) {
      if (seq === this.#seq && !sameBytes(hash, this.#hash)) {
        return this.#fail("rolled_back", seq, `record ${seq} is not the one that was acknowledged`)
      }
    }
    return true
  }

  #outOfOrder(record: AuditRecord): boolean {
    const expected = this.#seq + 1
    if (record.seq === this.#seq) {
      return this.#fail("duplicate", record.seq, `there is more than one record ${record.seq}`)
    }
    if (record.seq < expected) return this.#fail("reordered", record.seq, `record ${record.seq} follows ${this.#seq}`)
    this.#gap = { damage: "missing", badSeq: expected, detail: `record ${expected} is missing` }
    return true
  }

  /** After a gap only one question is open: does the record that is missing come later? */
  #afterGap(record: AuditRecord, gap: Finding): boolean {
    if (record.seq !== gap.badSeq) return true
    return this.#fail("reordered", gap.badSeq, `record ${gap.badSeq} comes after later ones`)
  }

  #shortfall(): Finding | undefined {
    const end = this.#seq
    if (end < this.#headSeq) {
      const detail = `the log ends at record ${end}, but its head covers ${this.#headSeq}`
      return { damage: "truncated", badSeq: end + 1, detail }
    }
    const witnessed = this.#witnesses.reduce((seq, witness) => Math.max(seq, witness.seq), 0)
    if (end >= witnessed) return undefined
    const detail = `log and head end at record ${end}, but record ${witnessed} was acknowledged`
    return { damage: "rolled_back", badSeq: end + 1, detail }
  }
}
