/** The settings that the detector follows; they are read on each use. */
export interface DetectorSettings {
  /** The false-positive budget per call. */
  readonly falsePositiveRate: number
  /** Learned calls before a function is judged. */
  readonly minSamples: number
  readonly minSeconds: number
  readonly minSessions: number
  /** Functions remembered; the least recently used one goes. */
  readonly functionsMax: number
}

/** Share of the false-positive budget that drift and order each add to it: they look at the same traffic over and over. */
export const contextShare = 0.1
