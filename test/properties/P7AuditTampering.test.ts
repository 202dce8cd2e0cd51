import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { AuditReport } from "../../src/domain/audit/AuditReport.ts"
import { Verifier, type VerifierCrypto } from "../../src/domain/audit/Verifier.ts"
import { crypto, headOf, logs } from "./evidence/Logs.ts"
import { type Pick, type Shown, tamperings } from "./evidence/Tampering.ts"

const logsPerClass = 1_000

type Verify = (shown: Shown) => AuditReport

const verifyWith = (vc: VerifierCrypto, { heads, records, witnesses }: Shown): AuditReport => {
  const verifier = new Verifier(vc, heads, witnesses)
  for (const record of records) if (!verifier.step(record)) break
  return verifier.finish()
}

const verify: Verify = (shown) => verifyWith(crypto, shown)

/** The head that a system without an external one believes: whatever the log ends with. */
const ownHead = (shown: Shown): Shown => ({ ...shown, heads: [headOf(shown.id, shown.records, shown.records.length)] })

/** Verifiers as others have built them; each misses some tampering, and this test must notice that. */
const planted: { readonly [name: string]: { readonly verify: Verify; readonly misses: ReadonlyArray<string> } } = {
  "a chain without an external head": {
    verify: (shown) => verify({ ...ownHead(shown), witnesses: [] }),
    misses: ["tail cut", "roll-back of the whole store", "rewrite with the current key", "two heads of one size"]
  },
  "a chain without signatures": {
    verify: (shown) => verifyWith({ ...crypto, verifyMac: () => true }, { ...ownHead(shown), witnesses: [] }),
    misses: ["keyless re-hash", "delete", "insert", "reorder", "key-id swap"]
  },
  "a verifier that only looks at the newest head": {
    verify: (shown) => verify({ ...shown, heads: shown.heads.slice(0, 1) }),
    misses: ["two heads of one size"]
  }
}

/** Runs one class of tampering over random logs and returns how many went unnoticed. */
const unnoticed = (name: string, candidate: Verify, runs: number): number => {
  let missed = 0
  fc.assert(
    fc.property(logs(4), fc.infiniteStream(fc.nat()), (log, choices) => {
      const pick: Pick = (n) => choices.next().value! % n
      const report = candidate(tamperings[name]!(log, pick))
      if (report.ok) missed++
      else assert.isDefined(report.damage)
    }),
    { numRuns: runs, seed: 7 }
  )
  return missed
}

describe("P7 audit: tampering", () => {
  it("has thirteen classes", () => assert.strictEqual(Object.keys(tamperings).length, 13))

  for (const name of Object.keys(tamperings)) {
    it(`detects every ${name} in ${logsPerClass} random logs`, () => {
      assert.strictEqual(unnoticed(name, verify, logsPerClass), 0)
    })
  }

  it("never accuses an honest log, rotations and records beyond the head included", () => {
    fc.assert(
      fc.property(logs(2), (log) => {
        const report = verify(log)
        assert.isTrue(report.ok, report.detail)
        assert.strictEqual(report.records, log.records.length)
        const last = log.records.at(-1)!
        assert.isTrue(verify({ ...log, witnesses: [{ seq: last.seq, hash: last.hash }] }).ok)
      }),
      { numRuns: logsPerClass, seed: 7 }
    )
  })

  it("detects a head that is missing, changed or made without the keys", () => {
    fc.assert(
      fc.property(logs(4), fc.nat({ max: 255 }), (log, n) => {
        const head = log.heads[0]!
        const flip = (bytes: Uint8Array) => bytes.map((byte, i) => i === n % bytes.length ? byte ^ 1 : byte)
        const { checkpoint } = head
        const damages = [
          [],
          [{ ...head, seq: head.seq + 1 }],
          [{ ...head, hash: flip(head.hash) }],
          [{ ...head, mac: flip(head.mac) }],
          [{ ...head, log: flip(head.log) }],
          [{ ...head, keyId: "k9" }],
          [{ ...head, checkpoint: { ...checkpoint, root: flip(checkpoint.root) } }],
          [{ ...head, checkpoint: { ...checkpoint, seq: head.seq + 1 } }],
          [{ ...head, checkpoint: { ...checkpoint, signature: flip(checkpoint.signature) } }]
        ].map((heads) => verify({ ...log, heads }).damage)
        assert.deepStrictEqual(damages, [
          "head_missing",
          "head_forged",
          "head_forged",
          "head_forged",
          "checkpoint_forged",
          "head_forged",
          "checkpoint_forged",
          "head_forged",
          "checkpoint_forged"
        ])
      }),
      { numRuns: 200, seed: 7 }
    )
  })

  for (const [name, { misses, verify: broken }] of Object.entries(planted)) {
    it(`control: notices that ${name} misses ${misses.join(", ")}`, () => {
      for (const tampering of misses) assert.isAbove(unnoticed(tampering, broken, 100), 0, tampering)
    })
  }
})
