import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import { TestClock } from "effect/testing"
import {
  Backpressure,
  clearFraction,
  next,
  recommendedRate,
  recommendedRateMin
} from "../../src/domain/flow/Backpressure.ts"
import { clear } from "../../src/domain/BackpressureSignal.ts"
import { signalAgeMsMax } from "../../src/domain/flow/SamplingRate.ts"
import * as RateLimiter from "../../src/layers/agent/RateLimiter.ts"
import * as SamplingController from "../../src/layers/agent/SamplingController.ts"
import { SamplingController as Sampling } from "../../src/services/SamplingController.ts"
import { cryptoLayer, makeConfig, makeWitness, observability } from "../support/Flow.ts"

const agent = (config = makeConfig()) =>
  SamplingController.layer.pipe(
    Layer.provide(RateLimiter.layer),
    Layer.provide(Layer.mergeAll(config.layer, cryptoLayer, makeWitness().layer)),
    Layer.provideMerge(observability),
    Layer.provide(config.layer)
  )

/** Share of calls that are sent, of `calls`. */
const sentShare = (sample: () => boolean, calls: number): number => {
  let sent = 0
  for (let i = 0; i < calls; i++) if (sample()) sent++
  return sent / calls
}

/** P5: what is sent stays within the recommended rate but for chance: five standard deviations of so many draws. */
const within = (share: number, rate: number, calls: number): boolean =>
  share <= rate + 5 * Math.sqrt(rate * (1 - rate) / calls)

/** How often backpressure switches while utilisation swings within 2 % around the threshold. */
const switches = (step: typeof next): number => {
  let active = false
  let count = 0
  for (let i = 0; i < 200; i++) {
    const after = step(active, 0.8 + (i % 2 === 0 ? 0.02 : -0.02), 0.8)
    if (after !== active) count++
    active = after
  }
  return count
}

/**
 * A brain that takes `capacity` events per step, an agent that offers `offered`, and the queue between them. The signal
 * travels with every reply, so a step is short: about a hundredth of the queue.
 */
const closedLoop = (obeys: boolean, offered: number, capacity: number) => {
  const brain = new Backpressure()
  const size = 1000
  let queued = 0
  let rate = 1
  let dropped = 0
  for (let step = 0; step < 3000; step++) {
    queued += offered * (obeys ? rate : 1)
    dropped += Math.max(0, queued - size)
    queued = Math.max(0, Math.min(size, queued) - capacity)
    rate = brain.observe(queued / size, 0.8).recommendedRate
  }
  return { dropped, rate, activations: brain.activations }
}

describe("P5 backpressure", () => {
  it.effect("the sent rate is within the recommended rate from the next call on, and restored when it clears", () =>
    Effect.provide(
      Effect.gen(function*() {
        const sampling = yield* Sampling
        const calls = 20_000
        for (const recommendedRate of [0.05, 0.25, 0.5, 0.75, 0.99, 0]) {
          sampling.applySignalUnsafe({ active: true, recommendedRate, queueUtilization: 0.9, reason: "full" })
          assert.strictEqual(sampling.rateUnsafe(), recommendedRate)
          const share = sentShare(sampling.sampleUnsafe, calls)
          assert.isTrue(within(share, recommendedRate, calls), `${share} of ${recommendedRate}`)
          assert.isAtLeast(share, recommendedRate - 5 * Math.sqrt(0.25 / calls), "obeying is not silence")
        }
        sampling.applySignalUnsafe(clear)
        assert.strictEqual(sentShare(sampling.sampleUnsafe, calls), 1)
      }),
      agent()
    ))

  it("control: an agent that ignores the signal is found", () => {
    assert.isFalse(within(sentShare(() => true, 20_000), 0.5, 20_000))
    assert.isFalse(within(sentShare(() => Math.round(0.75) === 1, 20_000), 0.75, 20_000), "0.75 rounded to 1")
  })

  it.effect("a base rate below the recommended one is not raised", () =>
    Effect.provide(
      Effect.gen(function*() {
        const sampling = yield* Sampling
        sampling.applySignalUnsafe({ active: true, recommendedRate: 0.5, queueUtilization: 0.9, reason: "full" })
        assert.strictEqual(sampling.rateUnsafe(), 0.1)
      }),
      agent(makeConfig({ cellagent: { sampling_rate: 0.1 } }))
    ))

  it.effect("a signal that nobody renews stops binding, so that silence cannot last for ever", () =>
    Effect.provide(
      Effect.gen(function*() {
        const sampling = yield* Sampling
        sampling.applySignalUnsafe({ active: true, recommendedRate: 0, queueUtilization: 1, reason: "full" })
        yield* TestClock.adjust(signalAgeMsMax - 300)
        assert.strictEqual(sampling.rateUnsafe(), 0)
        yield* TestClock.adjust(1000)
        assert.strictEqual(sampling.rateUnsafe(), 1)
      }),
      agent()
    ))

  it("does not flap at the threshold", () => {
    assert.strictEqual(switches(next), 1)
  })

  it("control: without hysteresis it flaps", () => {
    assert.isAbove(switches((_active, utilization, threshold) => utilization >= threshold), 100)
  })

  it("recommends less the fuller the queue is, never nothing, and all of it when clear", () => {
    fc.assert(fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      (a, b, threshold) => {
        const low = recommendedRate(Math.min(a, b), threshold)
        const high = recommendedRate(Math.max(a, b), threshold)
        return high <= low && high >= recommendedRateMin && low <= 1
      }
    ))
    assert.strictEqual(recommendedRate(0.8 * clearFraction, 0.8), 1)
  })

  it("agent and brain settle under overload without dropping, and come back", () => {
    for (const offered of [12, 20, 50, 150]) {
      assert.strictEqual(closedLoop(true, offered, 10).dropped, 0, `offered ${offered}`)
      assert.strictEqual(closedLoop(true, offered, 10).activations > 0, offered > 10)
    }
    assert.deepStrictEqual(closedLoop(true, 9, 10), { dropped: 0, rate: 1, activations: 0 })
  })

  it("control: an agent that does not obey overruns the queue", () => {
    assert.isAbove(closedLoop(false, 20, 10).dropped, 0)
  })

  it("hands out the same object for an idle queue", () => {
    const brain = new Backpressure()
    assert.strictEqual(brain.observe(0, 0.8), clear)
    assert.strictEqual(brain.observe(0.9, 0.8), brain.observe(0.9, 0.8))
    assert.isTrue(brain.observe(0.9, 0.8).active)
    assert.isFalse(brain.observe(0.1, 0.8).active)
    assert.strictEqual(brain.activations, 1)
  })
})
