import { describe, expect, it } from "vitest"
import { Arena } from "../../../src/domain/detect/Arena.ts"
import { Reader, Writer } from "../../../src/domain/detect/Bytes.ts"
import { FunctionSet } from "../../../src/domain/detect/FunctionSet.ts"
import { Repertoire } from "../../../src/domain/detect/Repertoire.ts"
import { random } from "./support.ts"

const setOf = (...symbols: ReadonlyArray<number>): FunctionSet => {
  const set = new FunctionSet()
  for (const symbol of symbols) set.add(symbol)
  return set
}

const known = (repertoire: Repertoire, times: number, symbols: ReadonlyArray<number>, moment = 3) => {
  for (let i = 0; i < times; i++) repertoire.learn(moment, setOf(...symbols))
}

describe("Repertoire", () => {
  it("takes a set for the rarer, the less it shares with what normal sessions call", () => {
    const repertoire = new Repertoire(new Arena())
    known(repertoire, 90, [1, 2, 3, 4, 5, 6])
    known(repertoire, 10, [11, 12, 13, 14])
    const same = repertoire.rarity(3, setOf(6, 5, 4, 3, 2, 1))
    const onceLess = repertoire.rarity(3, setOf(1, 2, 3, 4, 5))
    const seldom = repertoire.rarity(3, setOf(11, 12, 13, 14))
    const mixed = repertoire.rarity(3, setOf(1, 2, 3, 11, 12, 13))
    const stranger = repertoire.rarity(3, setOf(21, 22, 23))
    expect(same).toBeLessThan(0.2)
    expect([same, onceLess, seldom, mixed, stranger]).toEqual(
      [same, onceLess, seldom, mixed, stranger].toSorted((a, b) => a - b)
    )
    expect(mixed).toBeGreaterThan(2)
    expect(stranger).toBeCloseTo(Math.log(101), 5)
  })

  it("compares sets of the same moment only", () => {
    const repertoire = new Repertoire(new Arena())
    known(repertoire, 50, [1, 2, 3])
    known(repertoire, 50, [9], 4)
    expect(repertoire.rarity(3, setOf(1, 2, 3))).toBeLessThan(0.2)
    expect(repertoire.rarity(4, setOf(1, 2, 3))).toBeGreaterThan(2)
  })

  it("stays bounded over any number of sets, and keeps what it sees often", () => {
    const next = random(71)
    const arena = new Arena()
    const repertoire = new Repertoire(arena)
    for (let i = 0; i < 20_000; i++) {
      repertoire.learn(3, setOf(...Array.from({ length: 8 }, () => 100 + Math.floor(next() * 1000))))
      if (i % 10 === 0) repertoire.learn(3, setOf(1, 2, 3))
    }
    // One chunk of the arena for each of the two sizes that a block has last.
    expect(arena.bytes).toBeLessThanOrEqual(128 * 1024)
    const often = repertoire.rarity(3, setOf(1, 2, 3))
    expect(often).toBeLessThan(2.5)
    expect(repertoire.rarity(3, setOf(4, 5, 6))).toBeGreaterThan(often + 1)
  })

  it("comes back from a snapshot, and refuses one of another size", () => {
    const repertoire = new Repertoire(new Arena())
    known(repertoire, 20, [1, 2, 3])
    known(repertoire, 5, [4, 5])
    const writer = new Writer(1 << 16)
    repertoire.write(writer)
    const restored = new Repertoire(new Arena())
    restored.read(new Reader(writer.finish()))
    expect(restored.rarity(3, setOf(1, 2))).toBe(repertoire.rarity(3, setOf(1, 2)))

    const damaged = new Writer(1 << 20)
    damaged.u32(1)
    damaged.words(new Uint32Array(1 << 14), 0, 1 << 14)
    expect(() => new Repertoire(new Arena()).read(new Reader(damaged.finish()))).toThrow()
  })
})
