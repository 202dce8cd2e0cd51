/** Distances before a tail says anything, and the probability of a first change in what never changed. */
const ready = 20
const firstChange = 0.001
/** Distances over which their usual size is averaged. At twice as many, counts are halved: what is old weighs less. */
const memory = 2048
/** Bins of the logarithm of distance / usual size: three per octave, from 1/4 to 160. */
const bins = 28
const binsPerOctave = 3
const lowestOctave = -2
/** Halvings of a tail per bin beyond all that was seen: a power law with exponent 2 (Pareto tails of real loads). */
const octavesPerBin = 2 / binsPerOctave
/** What a distance beyond all that were seen counts as: half a distance. */
const unseen = 0.5
/** A relative change of the usual distance that moves none of the others to another bin worth the name. */
const sameScale = 0.001

const placeMax = bins - 0.001
/** A 32-bit float and its bits: eight of exponent, which count octaves from -127, above 23 of mantissa. */
const ratio = new Float32Array(1)
const ratioBits = new Uint32Array(ratio.buffer)
const octavePerBit = 2 ** -23
const lowestOffset = -127 - lowestOctave

/** The record: distances ever, distances counted, usual size, and the bins, two to a word. */
const seen = 0
const counted = 1
const usual = 2
const counts = 3
/** Words that a tail takes. */
export const streamTailWords = counts + bins / 2

/**
 * How probable a distance is that is at least as large, among those before it, in the words from `tail` on; learns it.
 * Nothing is assumed of their distribution, and what is old is forgotten.
 *
 * Source: streaming counts with forgetting (Cormode et al., "Forward decay", ICDE 2009).
 */
export const streamTail = (words: Uint32Array, floats: Float32Array, tail: number, distance: number): number => {
  const before = words[tail + seen]!
  const size = floats[tail + usual]!
  const place = size > 0 ? placeOf(distance, size) : 0
  let probability = 1
  if (before >= ready && distance > 0) probability = size > 0 ? share(words, tail, place) : firstChange
  words[tail + seen] = before + 1
  // Distances are counted on the scale that they themselves moved: an outlier makes itself a little smaller.
  const step = (distance - size) / (before < memory ? before + 1 : memory)
  const learned = floats[tail + usual] = size + step
  if (learned > 0) {
    const moved = step > size * sameScale || step < -size * sameScale
    count(words, tail, Math.floor(moved ? placeOf(distance, learned) : place))
  }
  return probability
}

/** The share of distances beyond a place on the scale, counted from the nearer end. */
const share = (words: Uint32Array, tail: number, place: number): number => {
  const bin = Math.floor(place)
  const own = tail + counts + (bin >> 1)
  const inside = countOf(words, tail, bin)
  const all = words[tail + counted]!
  const odd = (bin & 1) !== 0
  const above = bin < bins / 2
    ? all - inside - sumOf(words, tail + counts, own) - (odd ? words[own]! & 0xffff : 0)
    : sumOf(words, own + 1, tail + streamTailWords) + (odd ? 0 : words[own]! >>> 16)
  const seenShare = (above + inside * (1 - (place - bin)) + unseen) / (all + 1)
  if (above > 0 || inside > 0) return seenShare
  let last = bin
  while (last > 0 && countOf(words, tail, last - 1) === 0) last--
  return seenShare * 2 ** ((last - place) * octavesPerBin)
}

const count = (words: Uint32Array, tail: number, bin: number): void => {
  const place = tail + counts + (bin >> 1)
  words[place] = words[place]! + (1 << ((bin & 1) << 4))
  words[tail + counted] = words[tail + counted]! + 1
  if (words[tail + counted]! < 2 * memory) return
  for (let at = tail + counts; at < tail + streamTailWords; at++) words[at] = (words[at]! >>> 1) & 0x7fff7fff
  words[tail + counted] = sumOf(words, tail + counts, tail + streamTailWords)
}

/** The sum of bins. Both halves of the words are added at once: all counts together are below 2^16. */
const sumOf = (words: Uint32Array, from: number, to: number): number => {
  let sums = 0
  for (let at = from; at < to; at++) sums = (sums + words[at]!) | 0
  return (sums & 0xffff) + (sums >>> 16)
}

/**
 * Where a distance lies among the bins, given the usual one. The logarithm is read from the bits of the ratio as a 32-bit
 * float, and is linear within an octave: exact where octaves meet, at most 0.09 too low between, and a few ns cheap.
 */
const placeOf = (distance: number, size: number): number => {
  ratio[0] = distance / size
  const place = (ratioBits[0]! * octavePerBit + lowestOffset) * binsPerOctave
  return place > 0 ? (place < placeMax ? place : placeMax) : 0
}

const countOf = (words: Uint32Array, tail: number, bin: number): number =>
  (words[tail + counts + (bin >> 1)]! >>> ((bin & 1) << 4)) & 0xffff
