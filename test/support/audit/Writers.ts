import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { AuditRecord } from "../../../src/domain/audit/AuditRecord.ts"
import type { ChainEntry } from "../../../src/domain/audit/Chain.ts"
import { AuditFile } from "../../../src/layers/store/AuditFile.ts"
import { type AuditSecret, makeSigner } from "../../../src/layers/store/AuditSigner.ts"
import type { SeededRandom } from "../Seeded.ts"
import { crypto, type Hashes, secret, verifyLog } from "./Files.ts"
import { scratchDirectory } from "./Trace.ts"

/** The keys of three rotations; the checkpoint key outlives them. */
const secrets = ["k1", "k2", "k3"].map((id, i): AuditSecret => ({
  id,
  key: new Uint8Array(32).fill(i + 1),
  checkpointSeed: secret.checkpointSeed
}))
const signers = new Map(secrets.map((one) => [one.id, makeSigner(one)]))

const crypto3 = {
  ...crypto,
  verifyMac: (id: string, data: Uint8Array, mac: Uint8Array) => {
    const signer = signers.get(id)
    return signer === undefined ? undefined : Crypto.timingSafeEqual(signer.mac(data), mac)
  }
}

/** Writers of one log that take turns. */
const writers = 3

/** `own head`: a writer that does not look at what the others carry. */
export type Plant = "none" | "own head"

/** What happened, so that a run can show that it happened often enough. */
export interface Turns {
  readonly appended: number
  readonly crashes: number
  readonly verified: number
}

const open = (directory: string, headName: string, readOnly: boolean): AuditFile => {
  const options = { path: Path.join(directory, "audit.db"), headPath: Path.join(directory, headName), readOnly }
  // The disk is memory: a sync has nothing to do.
  return new AuditFile({ ...options, lockWaitMs: 100, sync: () => undefined })
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const group = (random: SeededRandom, n: number): ReadonlyArray<ChainEntry> => {
  // One group in ten has no room in the head.
  const bytes = random.below(10) === 0 ? 14_000 : 1 + random.below(600)
  const body = new Uint8Array(bytes).fill(n)
  return Array.from({ length: 1 + random.below(3) }, () => ({ time: n, kind: "block", body }))
}

/** What is wrong with a log in which these records were acknowledged, as somebody sees it who only reads. */
const wrong = (directory: string, acknowledged: Hashes): string | undefined => {
  const reader = open(directory, "audit.head", true)
  try {
    const { hashes, report } = verifyLog(reader, crypto3)
    if (!report.ok) return report.detail
    for (const [seq, hash] of acknowledged) {
      if (hashes.get(seq) !== hash) return `record ${seq} was acknowledged and is gone`
    }
    return undefined
  } finally {
    reader.close()
  }
}

/**
 * Lets writers append to one log in turns, small groups and large ones, settle, checkpoint, rotate their keys, crash right
 * after an acknowledgement and come back, while readers verify. Returns what happened, or throws what is wrong.
 */
export const takeTurns = (random: SeededRandom, steps: number, plant: Plant): Turns => {
  const directory = scratchDirectory()
  const headName = (i: number) => plant === "own head" && i === 1 ? "own.head" : "audit.head"
  const files = Array.from({ length: writers }, (_, i) => open(directory, headName(i), false))
  for (const file of files) file.useSecret(secrets[0]!)
  for (const file of files) file.open()
  const acknowledged = new Map<number, string>()
  const turns = { appended: 0, crashes: 0, verified: 0 }
  const tell = (records: ReadonlyArray<AuditRecord>) => {
    for (const { hash, seq } of records) {
      if (acknowledged.has(seq)) throw new Error(`number ${seq} was given out twice`)
      acknowledged.set(seq, hex(hash))
      turns.appended++
    }
  }
  const append = (file: AuditFile, n: number, crash: boolean) => {
    let told = false
    const records = file.append(group(random, n), n, (early) => {
      tell(early)
      told = true
      if (crash) throw new Error("planted crash")
    })
    if (!told) tell(records)
    if (told && crash) turns.crashes++
  }
  const check = () => {
    const found = wrong(directory, acknowledged)
    if (found !== undefined) throw new Error(found)
    turns.verified++
  }
  try {
    for (let n = 0; n < steps; n++) {
      const file = random.pick(files)
      const turn = random.below(20)
      if (turn < 12) append(file, n, false)
      else if (turn < 14) append(file, n, true)
      else if (turn < 16) file.settle()
      else if (turn < 17) file.checkpoint(n)
      else if (turn < 18) file.useSecret(random.pick(secrets))
      else if (turn < 19) file.close()
      else check()
    }
    for (const file of files) file.close()
    check()
    return turns
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true })
  }
}
