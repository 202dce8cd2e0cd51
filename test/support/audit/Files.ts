import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { AuditRecord } from "../../../src/domain/audit/AuditRecord.ts"
import type { AuditReport } from "../../../src/domain/audit/AuditReport.ts"
import type { ChainEntry } from "../../../src/domain/audit/Chain.ts"
import { packRecords, unpackRecords } from "../../../src/domain/audit/Frames.ts"
import { Verifier, type VerifierCrypto } from "../../../src/domain/audit/Verifier.ts"
import { AuditFile } from "../../../src/layers/store/AuditFile.ts"
import { makeSigner, sha256 } from "../../../src/layers/store/AuditSigner.ts"

/** The keys that all writing processes of these tests share. */
export const secret = { id: "k1", key: new Uint8Array(32).fill(1), checkpointSeed: new Uint8Array(32).fill(2) }

const signer = makeSigner(secret)

/** Checks logs written with `secret`. */
export const crypto: VerifierCrypto = {
  sha256,
  verifyMac: (id, data, mac) => id === secret.id ? Crypto.timingSafeEqual(signer.mac(data), mac) : undefined,
  verifySignature: signer.verify
}

/** The log of a directory, as the storage thread holds it. */
export const openLog = (
  directory: string,
  options: { readonly sync?: (fd: number) => void; readonly readOnly?: boolean } = {}
): AuditFile => {
  const file = new AuditFile({
    path: Path.join(directory, "audit.db"),
    headPath: Path.join(directory, "audit.head"),
    readOnly: false,
    lockWaitMs: 20_000,
    ...options
  })
  file.useSecret(secret)
  return file
}

/** Hashes of records by their number. */
export type Hashes = ReadonlyMap<number, string>

/** Verifies a log and returns the hash of each record. */
export const verifyLog = (
  file: AuditFile,
  keys: VerifierCrypto = crypto
): { readonly report: AuditReport; readonly hashes: Hashes } => {
  const verifier = new Verifier(keys, file.heads())
  const hashes = new Map<number, string>()
  for (let next = 1; next <= file.lastSeq();) {
    const page = unpackRecords(packRecords(file.read(next, 500)))
    for (const record of page) {
      verifier.step(record)
      hashes.set(record.seq, Buffer.from(record.hash).toString("hex"))
    }
    next += page.length
  }
  return { report: verifier.finish(), hashes }
}

/** A record that its writer was told is durable. */
export interface Acknowledged {
  readonly seq: number
  readonly hash: string
}

/**
 * Appends a group and prints the number and hash of each record the moment it is acknowledged. Synchronous, so that an
 * acknowledgement is out of the process before anything else is done.
 */
export const appendAndTell = (file: AuditFile, group: ReadonlyArray<ChainEntry>, now: number): void => {
  let told = false
  const tell = (records: ReadonlyArray<AuditRecord>): void => {
    if (!told) Fs.writeSync(1, records.map(({ hash, seq }) => `${seq} ${Buffer.from(hash).toString("hex")}\n`).join(""))
    told = true
  }
  tell(file.append(group, now, tell))
}

/** The acknowledgements in the output of a writer. Whole lines only: nobody has read a line that a kill cut. */
export const acknowledgements = (output: string): ReadonlyArray<Acknowledged> =>
  output.split("\n").slice(0, -1).flatMap((line) => {
    const [seq = "", hash = ""] = line.split(" ")
    return /^\d+$/.test(seq) ? [{ seq: Number(seq), hash }] : []
  })
