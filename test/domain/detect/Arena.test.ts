import { describe, expect, it } from "vitest"
import { Arena, type Block, blockWords } from "../../../src/domain/detect/Arena.ts"
import { random } from "./support.ts"

type Source = Pick<Arena, "allocate" | "free" | "grow">

/** Allocates, grows and frees at random, and answers the number of blocks that did not keep their words. */
const damaged = (arena: Source, seed: number, steps: number): number => {
  const next = random(seed)
  const held: Array<{ block: Block; readonly stamp: number; words: number }> = []
  let found = 0
  const fill = (block: Block, stamp: number) => block.words.fill(stamp, block.at, block.at + block.size)
  const intact = (block: Block, stamp: number, words: number): boolean =>
    block.words.subarray(block.at, block.at + words).every((word) => word === stamp)
  for (let step = 1; step <= steps; step++) {
    const choice = next()
    const at = Math.floor(next() * held.length)
    const one = held[at]
    if (choice < 0.5 || one === undefined) {
      const block = arena.allocate(1 + Math.floor(next() ** 3 * 300))
      if (!intact(block, 0, block.size)) found++
      fill(block, step)
      held.push({ block, stamp: step, words: block.size })
    } else {
      if (!intact(one.block, one.stamp, one.words)) found++
      if (choice < 0.6) {
        one.block = arena.grow(one.block, one.block.size + 1)
        if (!intact(one.block, one.stamp, one.words)) found++
        fill(one.block, one.stamp)
        one.words = one.block.size
      } else {
        arena.free(one.block)
        held.splice(at, 1)
      }
    }
  }
  return found
}

/** An arena that forgets to clear what it hands out again. */
class Dirty extends Arena {
  override allocate(wanted: number): Block {
    const block = super.allocate(wanted)
    block.words[block.at + block.size - 1] = 7
    return block
  }
}

/** An arena that hands out a block while it is still held. */
class Overlapping extends Arena {
  override allocate(wanted: number): Block {
    const block = super.allocate(wanted)
    this.free(block)
    return block
  }
}

describe("Arena", () => {
  it("keeps every block's words, and hands out zeros", () => {
    for (const seed of [51, 52, 53]) expect(damaged(new Arena(), seed, 20_000)).toBe(0)
  })

  it("would be found out, if it did not", () => {
    expect(damaged(new Dirty(), 51, 2000)).toBeGreaterThan(0)
    expect(damaged(new Overlapping(), 51, 2000)).toBeGreaterThan(0)
  })

  it("uses the memory of small blocks again for large ones", () => {
    const arena = new Arena()
    let peak = 0
    let blocks = Array.from({ length: 4000 }, () => arena.allocate(32))
    for (let size = 64; size <= 1024; size *= 2) {
      blocks = blocks.map((block) => arena.grow(block, size))
      peak = Math.max(peak, arena.bytes / (4000 * size * 4))
    }
    expect(peak).toBeLessThan(1.7)
    expect(arena.bytes / (4000 * 4096)).toBeLessThan(1.05)
    for (const block of blocks) arena.free(block)
    expect(arena.bytes).toBeLessThan(1024 * 1024)
  })

  it("gives at least the words asked for", () => {
    for (let words = 1; words < 40_000; words += 61) {
      expect(blockWords(words)).toBeGreaterThanOrEqual(words)
      expect(blockWords(blockWords(words))).toBe(blockWords(words))
    }
  })
})
