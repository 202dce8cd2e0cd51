import { Detector } from "../../../src/domain/detect/Detector.ts"
import type { DetectorSettings } from "../../../src/domain/detect/DetectorSettings.ts"
import { CallDescriber } from "../../../src/domain/features/CallDescriber.ts"
import type { TelemetryEvent } from "../../../src/domain/TelemetryEvent.ts"
import { probe } from "../../../src/layers/agent/TelemetryGenerator.ts"

const describer = new CallDescriber([21, 22], probe)

/** A reproducible source of numbers in [0, 1) (mulberry32). */
export const random = (seed: number): () => number => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

let events = 0

/** An event of a call; without a time the rate models stay out of it. */
export const event = (fn: string, args: ReadonlyArray<unknown>, timestamp = 0, session = ""): TelemetryEvent => ({
  id: `e${events++}`,
  agentId: "test",
  fn,
  session,
  subjectHash: "",
  timestamp,
  priority: "normal",
  samplingProbability: 1,
  features: describer.describe(args, undefined)
})

export const settings: DetectorSettings = {
  falsePositiveRate: 0.01,
  minSamples: 100,
  minSeconds: 0,
  minSessions: 0,
  functionsMax: 100
}

/** A detector that has learned calls and finished learning. */
export const trained = (calls: ReadonlyArray<TelemetryEvent>, over: Partial<DetectorSettings> = {}): Detector => {
  const detector = new Detector(() => ({ ...settings, ...over }))
  for (const call of calls) detector.learn(call, detector.score(call))
  detector.finishLearning()
  return detector
}

const words = [
  "blue",
  "red",
  "shoes",
  "hat",
  "shirt",
  "wool",
  "green",
  "long",
  "coat",
  "summer",
  "kids",
  "men",
  "boots",
  "small"
]

/** Ordinary search terms with a page number. */
export const search = (next: () => number): ReadonlyArray<unknown> => {
  const word = () => words[Math.floor(next() * words.length)]!
  const text = next() < 0.1
    ? `${word()}-${word()} ${Math.floor(next() * 60)}`
    : next() < 0.5
    ? `${word()} ${word()}`
    : word()
  return [text, 1 + Math.floor(next() * 5)]
}

/** The 95 % quantile of Binomial(n, p). */
export const binomialQuantile = (n: number, p: number): number => {
  let mass = Math.exp(n * Math.log1p(-p))
  let sum = mass
  let k = 0
  while (sum < 0.95 && k < n) {
    k++
    mass *= ((n - k + 1) / k) * (p / (1 - p))
    sum += mass
  }
  return k
}
