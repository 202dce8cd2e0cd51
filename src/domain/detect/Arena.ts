import type { Reader, Writer } from "./Bytes.ts"

/** Words of one chunk (64 KiB): blocks are cut from chunks, so that small arrays cost neither headers nor fragments. */
const chunkWords = 16_384
/** Blocks up to this many words are whole multiples of eight; larger ones are powers of two. */
const fineMax = 64
/** Empty chunks kept for the next block of any size. */
const sparesMax = 4

/** Words that a block of at least `wanted` words really has. */
export const blockWords = (wanted: number): number =>
  wanted <= fineMax ? (wanted + 7) & ~7 : 2 ** Math.ceil(Math.log2(wanted))

/** 64 KiB that are cut into blocks of one size, or one larger block. */
class Chunk {
  readonly words: Uint32Array
  readonly floats: Float32Array
  /** Words per block. */
  size = 0
  used = 0
  /** First word that was never handed out. */
  fresh = 0
  /** Offset of the first freed block, whose first word holds the next one; -1: none. */
  free = -1

  constructor(words: number) {
    this.words = new Uint32Array(words)
    this.floats = new Float32Array(this.words.buffer)
  }

  get full(): boolean {
    return this.free < 0 && this.fresh + this.size > this.words.length
  }
}

/** A few words of an arena: read and written as integers and as 32-bit floats. */
export class Block {
  readonly chunk: Chunk
  /** Offset of the first word in {@link words} and {@link floats}. */
  readonly at: number

  constructor(chunk: Chunk, at: number) {
    this.chunk = chunk
    this.at = at
  }

  /** The words of all blocks of the chunk, as integers. */
  get words(): Uint32Array {
    return this.chunk.words
  }

  /** The same words as 32-bit floats. */
  get floats(): Float32Array {
    return this.chunk.floats
  }

  /** Number of words. */
  get size(): number {
    return this.chunk.size
  }
}

/**
 * The numbers of all models, in few large arrays. Ten thousand functions hold some hundred thousand small arrays that
 * grow together; as objects of their own their headers and the holes between them would outweigh what they hold. Blocks
 * of one size share a chunk (slab allocation: Bonwick, USENIX 1994), and a chunk whose blocks are all free serves any size.
 */
export class Arena {
  /** Chunks with room, by words per block. */
  readonly #open = new Map<number, Array<Chunk>>()
  readonly #spare: Array<Chunk> = []
  #bytes = 0

  /** Bytes of all chunks. */
  get bytes(): number {
    return this.#bytes
  }

  /** A block of at least `wanted` words, all 0. */
  allocate(wanted: number): Block {
    const size = blockWords(wanted)
    let open = this.#open.get(size)
    if (open === undefined) this.#open.set(size, open = [])
    let chunk = open.at(-1)
    if (chunk === undefined) open.push(chunk = this.#chunk(size))
    let at = chunk.free
    if (at >= 0) {
      chunk.free = chunk.words[at]! - 1
      chunk.words.fill(0, at, at + size)
    } else {
      at = chunk.fresh
      chunk.fresh += size
    }
    chunk.used++
    if (chunk.full) open.pop()
    return new Block(chunk, at)
  }

  #chunk(size: number): Chunk {
    const chunk = size > chunkWords ? undefined : this.#spare.pop()
    if (chunk !== undefined) {
      chunk.size = size
      chunk.fresh = 0
      chunk.free = -1
      chunk.words.fill(0)
      return chunk
    }
    const made = new Chunk(Math.max(size, chunkWords))
    made.size = size
    this.#bytes += made.words.byteLength
    return made
  }

  /** A larger block with the words of a smaller one, which is taken back. */
  grow(block: Block, wanted: number): Block {
    const grown = this.allocate(wanted)
    grown.words.set(block.words.subarray(block.at, block.at + block.size), grown.at)
    this.free(block)
    return grown
  }

  /** The block of a snapshot, as {@link writeBlock} wrote it. */
  read(reader: Reader): Block {
    const words = reader.words()
    if (words.length === 0 || blockWords(words.length) !== words.length) reader.refuse("block")
    const block = this.allocate(words.length)
    block.words.set(words, block.at)
    return block
  }

  /** Takes a block back. Its holder must not use it again. */
  free(block: Block): void {
    const { at, chunk } = block
    const open = this.#open.get(chunk.size) ?? []
    if (chunk.full) open.push(chunk)
    chunk.words[at] = chunk.free + 1
    chunk.free = at
    chunk.used--
    if (chunk.used > 0) return
    open.splice(open.indexOf(chunk), 1)
    if (chunk.words.length === chunkWords && this.#spare.length < sparesMax) this.#spare.push(chunk)
    else this.#bytes -= chunk.words.byteLength
  }
}

/** Writes the words of a block into a snapshot. */
export const writeBlock = (writer: Writer, block: Block): void => writer.words(block.words, block.at, block.size)
