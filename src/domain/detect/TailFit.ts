/** Largest evidence that an extrapolated tail claims, in decades: beyond it there is no more evidence, only arithmetic. */
export const evidenceMax = 12

/**
 * Most degrees of freedom of a tail: values of one field are of mixed kinds, and the tail of a mixture falls more slowly
 * than any number of values would let one believe.
 */
const degreesMax = 16

/**
 * Decades of evidence in a value that lies `excess` above a threshold which `tail` of `size` normal values passed by
 * `scale` on average: the predictive distribution of an exponential tail, a generalised Pareto tail with shape 1/k
 * (Pickands 1975; Davison and Smith 1990). The fewer values it rests on, the more slowly it falls; `known` says how many
 * more values' worth of knowledge the scale holds.
 */
export const tailEvidence = (excess: number, scale: number, tail: number, size: number, known = 0): number => {
  const degrees = Math.min(degreesMax, tail + known)
  const fall = degrees * Math.LOG10E * Math.log1p(excess / (scale * degrees))
  return Math.min(evidenceMax, Math.log10((size + 1) / (tail + 1)) + fall)
}

/**
 * The scale of a tail from the sum of its excesses and what is known before: `known` excesses of `prior` on average
 * (the conjugate prior of an exponential: Raiffa and Schlaifer 1961). Eight values alone would leave it uncertain by a
 * third, and the tail would have to fall too slowly to say anything of a young function.
 */
export const tailScale = (excesses: number, tail: number, prior: number, known: number): number =>
  (excesses + prior * known) / (tail + known)
