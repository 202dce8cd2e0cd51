import { Detector } from "../src/domain/detect/Detector.ts"
import { CallDescriber } from "../src/domain/features/CallDescriber.ts"
import type { TelemetryEvent } from "../src/domain/TelemetryEvent.ts"
import { probe } from "../src/layers/agent/TelemetryGenerator.ts"

/** Calls timed together: one call is shorter than the timer is sharp. */
const batch = 200
const batches = 400
const learned = 4000

/** Three small, distinct arguments: an account, another, an amount. */
const argumentsOf = (i: number): ReadonlyArray<unknown> => [
  `acc-${(Math.imul(i, 2654435761) >>> 0).toString(36)}`,
  `user${i % 977}@example${i % 13}.org`,
  100 + (Math.imul(i, 40503) & 0xffff)
]

const eventOf = (describer: CallDescriber, args: ReadonlyArray<unknown>, i: number): TelemetryEvent => ({
  id: `e${i}`,
  agentId: "bench",
  fn: "payments.transfer",
  session: `s${i % 50}`,
  subjectHash: "",
  timestamp: 1_700_000_000_000 + i * 3,
  priority: "normal",
  samplingProbability: 1,
  features: describer.describe(args, undefined)
})

/** Median over batches of the time of one call of `work`, in µs. `work` gets a number that never repeats. */
const median = (work: (i: number) => void): number => {
  const times = new Float64Array(batches)
  let i = learned
  for (let b = 0; b < batches; b++) {
    const inputs = i
    const begin = performance.now()
    for (; i < inputs + batch; i++) work(i)
    times[b] = (performance.now() - begin) * 1000 / batch
  }
  return times.toSorted()[batches >> 1]!
}

/** Calls made before the timing, so that argument strings exist and only our own work is timed. */
const prepared = (): ReadonlyArray<ReadonlyArray<unknown>> =>
  Array.from({ length: learned + batch * batches }, (_, i) => {
    const args = argumentsOf(i)
    for (const arg of args) if (typeof arg === "string") arg.charCodeAt(0)
    return args
  })

const readyDetector = (describer: CallDescriber, calls: ReadonlyArray<ReadonlyArray<unknown>>): Detector => {
  const detector = new Detector(() => ({
    falsePositiveRate: 0.001,
    minSamples: 100,
    minSeconds: 0,
    minSessions: 0,
    functionsMax: 10_000
  }))
  for (let i = 0; i < learned; i++) {
    const event = eventOf(describer, calls[i]!, i)
    detector.learn(event, detector.score(event))
  }
  detector.finishLearning()
  return detector
}

/** Median µs to describe three small, distinct arguments. */
export const featuresUs = (): number => {
  const calls = prepared()
  const describer = new CallDescriber([1, 2], probe)
  let arity = 0
  const us = median((i) => {
    arity += describer.describe(calls[i]!, undefined).arity
  })
  if (arity === 0) throw new Error("nothing was described")
  return us
}

/** Median µs to describe three small, distinct arguments, score the call and learn from it where it was allowed. */
export const detectorUs = (learn = false): number => {
  const calls = prepared()
  const describer = new CallDescriber([1, 2], probe)
  const detector = readyDetector(describer, calls)
  let sum = 0
  const us = median((i) => {
    const event = eventOf(describer, calls[i]!, i)
    const assessment = detector.score(event)
    if (learn) detector.learn(event, assessment)
    sum += assessment.pValue
  })
  if (!(sum > 0)) throw new Error("nothing was scored")
  return us
}

/** Both measures of the detector. `detectorUs` is features and score together, as its bar is. */
export const run = async (): Promise<
  { readonly featuresUs: number; readonly detectorUs: number; readonly learnedUs: number }
> => ({
  featuresUs: featuresUs(),
  detectorUs: detectorUs(),
  learnedUs: detectorUs(true)
})

if (import.meta.main) process.stdout.write(`${JSON.stringify(await run())}\n`)
