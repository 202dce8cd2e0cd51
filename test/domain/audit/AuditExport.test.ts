import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import type { AuditRecord } from "../../../src/domain/audit/AuditRecord.ts"
import { csvCell, csvHeader, functionOf, matches, toCsv, toObject } from "../../../src/domain/audit/AuditExport.ts"

const record = (seq: number, body: string | Uint8Array): AuditRecord => ({
  seq,
  time: 1_732_287_600_123,
  kind: "block",
  body: typeof body === "string" ? new TextEncoder().encode(body) : body,
  prevHash: new Uint8Array(32),
  hash: new Uint8Array(32).fill(1),
  keyId: "k1",
  mac: new Uint8Array(32).fill(2)
})

/** Reads one CSV line as RFC 4180 says; independent of the writer. */
const parseCsv = (line: string): Array<string> => {
  const cells: Array<string> = []
  const pattern = /"((?:[^"]|"")*)"(,|$)/y
  for (let match = pattern.exec(line); match !== null; match = pattern.exec(line)) {
    cells.push(match[1]!.replaceAll("\"\"", "\""))
    if (match[2] === "") return cells
  }
  throw new Error("not one CSV line")
}

/** Spreadsheets take a cell for a formula by its first visible character. */
const formula = /^[\s\p{Cc}]*[=+\-@|%]/u

const isSafe = (write: (text: string) => string): void =>
  FastCheck.assert(
    FastCheck.property(FastCheck.string({ unit: "binary", maxLength: 20 }), (text) => {
      const line = write(text)
      const [cell, ...rest] = parseCsv(line)
      return rest.length === 0 && cell !== undefined && !formula.test(cell) && !/[\r\n]/.test(line)
    }),
    {
      numRuns: 500,
      examples: [["=1+1"], ["+A1"], ["-2"], ["@SUM(1)"], [" =x"], ["\t=x"], ["a\r\n=x"], ["\"=x"], ["a,b"]]
    }
  )

describe("AuditExport", () => {
  it("writes one cell per value that no spreadsheet takes for a formula", () => isSafe(csvCell))

  it("the property finds a writer that only quotes", () => {
    assert.throws(() => isSafe((text) => `"${text.replaceAll("\"", "\"\"")}"`))
  })

  it("writes a line with as many cells as the header", () => {
    const line = toCsv(record(7, "{\"fn\":\"=cmd()\",\"note\":\"a \\\"b\\\", c\"}"))
    const cells = parseCsv(line)
    assert.strictEqual(cells.length, csvHeader.split(",").length)
    assert.deepStrictEqual(cells.slice(0, 4), ["7", "2024-11-22T15:00:00.123Z", "block", "'=cmd()"])
    assert.strictEqual(cells[4], "{\"fn\":\"=cmd()\",\"note\":\"a \\\"b\\\", c\"}")
  })

  it("keeps a body that is not text as bytes", () => {
    const binary = record(1, new Uint8Array([0xff, 0x00]))
    assert.deepInclude(toObject(binary), { body: null, bodyBytes: "_wA" })
    assert.strictEqual(functionOf(binary), "")
    assert.strictEqual(parseCsv(toCsv(binary))[4], "ff00")
  })

  it("selects by kind, function and inclusive times", () => {
    const one = record(1, "{\"fn\":\"pay\"}")
    const yes = [{}, { kind: "block" }, { fn: "pay" }, { since: one.time }, { until: one.time }]
    const no = [{ kind: "allow" }, { fn: "pa" }, { since: one.time + 1 }, { until: one.time - 1 }, {
      fn: "pay",
      kind: "loss"
    }]
    assert.deepStrictEqual(yes.map((filter) => matches(one, filter)), yes.map(() => true))
    assert.deepStrictEqual(no.map((filter) => matches(one, filter)), no.map(() => false))
  })
})
