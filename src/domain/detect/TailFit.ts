/** Largest evidence that an extrapolated tail claims, in decades: beyond it there is no more evidence, only arithmetic. */
export const evidenceMax = 12

/**
 * Decades of evidence in a value that lies `excess` above a threshold which `tail` of `size` normal values passed by
 * `scale` on average: the predictive distribution of an exponential tail, a generalised Pareto tail with shape 1/k
 * (Pickands 1975; Davison and Smith 1990). The fewer values it rests on, the more slowly it falls.
 */
export const tailEvidence = (excess: number, scale: number, tail: number, size: number): number =>
  Math.min(evidenceMax, Math.log10((size + 1) / (tail + 1)) + tail * Math.LOG10E * Math.log1p(excess / (scale * tail)))
