import type { AuditCheckpoint, AuditHead } from "../../domain/audit/AuditHead.ts"
import type { AuditRecord } from "../../domain/audit/AuditRecord.ts"
import type { ChainTail } from "../../domain/audit/Chain.ts"
import { checkpointBytes, checkpointMs, checkpointRecords, headMacBytes } from "../../domain/audit/HeadSigning.ts"
import { recordMacBytes, sameBytes } from "../../domain/audit/RecordBytes.ts"
import type { AuditSigner } from "./AuditSigner.ts"
import { after, type Carry, nothing } from "./Carry.ts"
import { HeadFile } from "./HeadFile.ts"
import { Refused } from "./SqliteFile.ts"

/** What a head is written over: the end of the log, and the Merkle root up to there, made only where it is needed. */
export interface Covered extends ChainTail {
  readonly log: Uint8Array
  readonly root: () => Uint8Array
}

/** How a head is written: `renew` asks for a checkpoint over all of the log, `carry` is what the database lacks. */
export interface HeadOptions {
  readonly signer: AuditSigner
  readonly now: number
  readonly renew: boolean
  readonly carry: Carry
}

/** The head of a log as a writer keeps it: compared with the log, signed, written. */
export class LogHead {
  readonly file: HeadFile
  readonly #path: string
  readonly #sync: (fd: number) => void
  /** The signature of the last checkpoint that was found or made good: the same one need not be verified again. */
  #trusted: Uint8Array = new Uint8Array(0)
  /** What was carried when its MACs were last found or made good. */
  #sound: Carry = nothing
  /** The last head that was found, under the lock that `write` needs as well. */
  #last: AuditHead | undefined

  constructor(path: string, sync: (fd: number) => void) {
    this.#path = path
    this.#sync = sync
    this.file = new HeadFile(path)
  }

  /** The newest head. */
  newest(): AuditHead | undefined {
    return this.#last = this.file.read().heads[0]
  }

  /**
   * What the head carries beyond the end of the database, with which the log ends where the head says. Where it does not,
   * or is another one than its head's, it was tampered with: adding to it would bury that.
   */
  ahead(tail: ChainTail, signer: AuditSigner): Carry {
    const { carry, heads: [head] } = this.file.read()
    if (head === undefined) throw new Refused(`the head ${this.#path} is missing`)
    this.#last = head
    const { checkpoint, log } = head
    if (
      !sameBytes(checkpoint.signature, this.#trusted) &&
      !signer.verify(checkpointBytes(log, checkpoint), checkpoint.signature)
    ) throw new Refused(`the checkpoint in ${this.#path} was not signed by the checkpoint key`)
    this.#trusted = checkpoint.signature
    const rest = after(carry, tail.seq)
    const ahead = rest.records.length > 0 && this.#follows(rest, tail, signer) ? rest : nothing
    const end = ahead.records.at(-1) ?? tail
    if (head.seq > end.seq) throw new Refused(`the log ends at record ${end.seq} but its head covers ${head.seq}`)
    if (head.seq === end.seq && !sameBytes(head.hash, end.hash)) {
      throw new Refused(`the log is not the one that its head at record ${head.seq} was made for`)
    }
    return ahead
  }

  /** Signs a head over the end of the log, found by `ahead` under this same lock, and writes it; then it is durable. */
  write(end: Covered, options: HeadOptions): void {
    const { hash, log, seq } = end
    const { carry, now, signer } = options
    const content = { log, seq, time: now, hash, checkpoint: this.#checkpoint(end, options), keyId: signer.id }
    this.file.write({ ...content, mac: signer.mac(headMacBytes(content)) }, this.#sync, carry)
    this.#sound = carry
  }

  /** Whether carried records are what comes after the end of the database, as far as the key of now can tell. */
  #follows(carry: Carry, tail: ChainTail, { id, mac }: AuditSigner): boolean {
    const [first] = carry.records
    if (first?.seq !== tail.seq + 1 || !sameBytes(first.prevHash, tail.hash)) return false
    const signed = (record: AuditRecord) =>
      record.keyId !== id || sameBytes(mac(recordMacBytes(record.hash)), record.mac)
    if (carry !== this.#sound && !carry.records.every(signed)) return false
    this.#sound = carry
    return true
  }

  /** The last checkpoint while it is recent enough, else a new one: a signature costs more than the rest of a record. */
  #checkpoint({ hash, log, root, seq }: Covered, { now, renew, signer }: HeadOptions): AuditCheckpoint {
    const last = this.#last?.checkpoint
    if (
      !renew && last !== undefined && seq - last.seq < checkpointRecords && Math.abs(now - last.time) < checkpointMs
    ) return last
    const statement = { seq, time: now, hash, root: root() }
    const signature = signer.sign(checkpointBytes(log, statement))
    this.#trusted = signature
    return { ...statement, signature }
  }
}
