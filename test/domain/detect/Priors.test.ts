import { describe, expect, it } from "vitest"
import { Arena } from "../../../src/domain/detect/Arena.ts"
import { CountTable } from "../../../src/domain/detect/CountTable.ts"
import { learnValue, novelty, noveltyWords } from "../../../src/domain/detect/Novelty.ts"
import { learnShape, shapeSurprise, shapeWords } from "../../../src/domain/detect/ShapeModel.ts"
import { TopFive } from "../../../src/domain/detect/TopFive.ts"

const salt = 7

/** Surprise of a shape after some were learned, in nats. */
const shapeAfter = (learned: ReadonlyArray<string>) => {
  const table = new CountTable(new Arena(), () => 4096)
  const record = new Uint32Array(shapeWords)
  for (const shape of learned) learnShape(table, salt, record, 0, shape)
  return (shape: string): number => {
    const top = new TopFive()
    top.clear()
    shapeSurprise(table, salt, record, 0, shape, top)
    return top.sum
  }
}

/** Evidence in a value never seen, after some were learned. */
const noveltyAfter = (learned: ReadonlyArray<number>): number => {
  const table = new CountTable(new Arena(), () => 4096)
  const record = new Uint32Array(noveltyWords)
  const floats = new Float32Array(record.buffer)
  for (const value of learned) learnValue(table, salt, record, floats, 0, value)
  return novelty(table, salt, record, floats, 0, 999_999)
}

describe("what is known before anything was learned", () => {
  it("a first comma is less of a surprise than a first bracket, and that less than a first pipe", () => {
    const surprise = shapeAfter(Array.from({ length: 100 }, () => "a a"))
    expect(surprise("a a")).toBeLessThan(1)
    expect(surprise("a,a")).toBeGreaterThan(5)
    expect(surprise("a(a")).toBeGreaterThan(surprise("a,a") + 1)
    expect(surprise("a|a")).toBeGreaterThan(surprise("a(a") + 3)
  })

  it("counts outweigh it: in a field of pipes a pipe is ordinary and a comma is not", () => {
    const surprise = shapeAfter(Array.from({ length: 100 }, () => "a|a"))
    expect(surprise("a|a")).toBeLessThan(1)
    expect(surprise("a,a")).toBeGreaterThan(5)
  })

  it("a set that code closed is closed, one of many rare values is not, though none was new of late", () => {
    const closed = Array.from({ length: 400 }, (_, i) => 1 + i % 3)
    expect(noveltyAfter(closed)).toBeGreaterThan(3)
    const rare = Array.from({ length: 400 }, (_, i) => i < 200 && i % 5 === 0 ? 100 + i : 1)
    expect(noveltyAfter(rare)).toBeLessThan(1.1)
    const repeated = rare.map((value, i) => i >= 200 && i % 5 === 0 ? 100 + i - 200 : value)
    expect(noveltyAfter(repeated)).toBeGreaterThan(noveltyAfter(rare) + 0.3)
  })
})
