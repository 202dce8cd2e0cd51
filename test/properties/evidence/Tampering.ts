import type { AuditRecord } from "../../../src/domain/audit/AuditRecord.ts"
import { encodeRecord } from "../../../src/domain/audit/RecordBytes.ts"
import type { Witness } from "../../../src/domain/audit/Verifier.ts"
import { headOf, keyIds, type Log, seal, sha256 } from "./Logs.ts"

/** What verification is given: what a store, a head file and a witness show. */
export interface Shown extends Log {
  readonly witnesses?: ReadonlyArray<Witness> | undefined
}

/** Random choices of an attacker: `pick(n)` is an integer in [0, n). */
export type Pick = (n: number) => number

const replace = (log: Log, at: number, change: Partial<AuditRecord>): Log => ({
  ...log,
  records: log.records.map((record, i) => i === at ? { ...record, ...change } : record)
})

const flipped = (bytes: Uint8Array, pick: Pick): Uint8Array => {
  const copy = bytes.length === 0 ? new Uint8Array(1) : bytes.slice()
  copy[pick(copy.length)]! ^= 1 << pick(8)
  return copy
}

const fieldFlips: ReadonlyArray<(record: AuditRecord, pick: Pick) => Partial<AuditRecord>> = [
  ({ seq }, pick) => ({ seq: seq ^ (1 << pick(20)) }),
  ({ time }, pick) => ({ time: time + 2 ** -pick(8) }),
  ({ kind }) => ({ kind: kind === "allow" ? "block" : "allow" }),
  ({ body }, pick) => ({ body: flipped(body, pick) }),
  ({ prevHash }, pick) => ({ prevHash: flipped(prevHash, pick) }),
  ({ hash }, pick) => ({ hash: flipped(hash, pick) }),
  ({ keyId }) => ({ keyId: `${keyId}x` }),
  ({ mac }, pick) => ({ mac: flipped(mac, pick) })
]

/** Links and hashes everything from `at` on again, as an attacker without a key can. */
const rehash = (records: ReadonlyArray<AuditRecord>, at: number): ReadonlyArray<AuditRecord> => {
  const copy = [...records]
  for (let i = at; i < copy.length; i++) {
    const record = { ...copy[i]!, seq: i + 1, prevHash: copy[i - 1]?.hash ?? copy[i]!.prevHash }
    copy[i] = { ...record, hash: sha256(encodeRecord(record)) }
  }
  return copy
}

const covered = (log: Log): number => log.heads[0]!.seq

/** An index that the head covers. */
const inside = (log: Log, pick: Pick): number => pick(covered(log))

const other = (log: Log, pick: Pick): Log => {
  const id = log.id.map((byte) => byte ^ 0xff)
  return { ...log, id, records: seal(id, log.records.map((entry) => ({ entry, keyId: keyIds[pick(3)]! }))) }
}

const forged = (log: Log, at: number): AuditRecord => ({
  ...log.records[at]!,
  body: Uint8Array.of(1, 2, 3, at),
  mac: sha256(Uint8Array.of(at))
})

/** The thirteen ways to tamper with evidence; each returns what the verifier then sees. */
export const tamperings: { readonly [name: string]: (log: Log, pick: Pick) => Shown } = {
  "bit flip": (log, pick) => {
    const at = pick(log.records.length)
    return replace(log, at, fieldFlips[pick(fieldFlips.length)]!(log.records[at]!, pick))
  },
  "delete": (log, pick) => {
    const at = inside(log, pick)
    const records = log.records.filter((_, i) => i !== at)
    return { ...log, records: pick(2) === 0 ? records : rehash(records, at) }
  },
  "insert": (log, pick) => {
    const at = inside(log, pick)
    const records = log.records.toSpliced(at, 0, forged(log, at))
    return { ...log, records: pick(2) === 0 ? records : rehash(records, at) }
  },
  "duplicate": (log, pick) => {
    const at = pick(log.records.length)
    return { ...log, records: log.records.toSpliced(at + pick(2), 0, log.records[at]!) }
  },
  "reorder": (log, pick) => {
    const a = pick(log.records.length - 1)
    const b = a + 1 + pick(log.records.length - a - 1)
    const records = [...log.records]
    records[a] = log.records[b]!
    records[b] = log.records[a]!
    return { ...log, records: pick(2) === 0 ? records : rehash(records, a) }
  },
  "splice from another log": (log, pick) => {
    const at = inside(log, pick)
    const foreign = other(log, pick).records
    return { ...log, records: pick(2) === 0 ? replace(log, at, foreign[at]!).records : [...foreign] }
  },
  "keyless re-hash": (log, pick) => {
    const at = pick(log.records.length)
    const changed = replace(log, at, { body: flipped(log.records[at]!.body, pick) })
    return { ...log, records: rehash(changed.records, at) }
  },
  "tail cut": (log, pick) => ({ ...log, records: log.records.slice(0, inside(log, pick)) }),
  "roll-back of the whole store": (log, pick) => {
    // The head file goes back with the log: only who remembers the record that was acknowledged can tell.
    const seq = inside(log, pick)
    const end = log.records[covered(log) - 1]!
    const head = headOf(log.id, log.records, seq)
    return { ...log, records: log.records.slice(0, seq), heads: [head], witnesses: [{ seq: end.seq, hash: end.hash }] }
  },
  "rewrite with the current key": (log, pick) => {
    const at = inside(log, pick)
    const entries = log.records.slice(at).map((record, i) => ({
      entry: i === 0 ? { ...record, body: flipped(record.body, pick) } : record,
      keyId: record.keyId
    }))
    return { ...log, records: seal(log.id, entries, log.records.slice(0, at)) }
  },
  "key-id swap": (log, pick) => {
    const at = pick(log.records.length)
    const { keyId } = log.records[at]!
    const swapped = replace(log, at, { keyId: keyIds.filter((id) => id !== keyId)[pick(2)]! })
    return pick(2) === 0 ? swapped : { ...swapped, records: rehash(swapped.records, at) }
  },
  "filtered answer": (log, pick) => {
    const hidden = log.records[inside(log, pick)]!.kind
    return { ...log, records: log.records.filter(({ kind }) => kind !== hidden) }
  },
  "two heads of one size": (log, pick) => {
    const at = inside(log, pick)
    const entries = log.records.slice(at).map((entry) => ({
      entry: { ...entry, time: entry.time + 1 },
      keyId: entry.keyId
    }))
    const fork = seal(log.id, entries, log.records.slice(0, at))
    return { ...log, heads: [log.heads[0]!, headOf(log.id, fork, covered(log))] }
  }
}
