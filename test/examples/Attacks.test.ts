import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Report from "../../examples/attacks/Report.ts"
import * as Simulation from "../../examples/attacks/Simulation.ts"
import { DecisionEngine } from "../../src/services/DecisionEngine.ts"
import * as NoOps from "../support/NoOps.ts"

const learn = 3_000
const mixed = 3_000
const tiny = { seed: 5, learn: 0, mixed: 1_000 }

const missed = (outcome: Simulation.Outcome) =>
  Report.make(0, { trained: outcome, cold: outcome }).bars.filter(({ ok }) => !ok).map(({ name }) => name)

describe("the attack simulator", () => {
  it.live("refuses every forged, truncated, replayed and misdated envelope, without effect, and accepts honest calls", () =>
    Effect.gen(function*() {
      const outcome = yield* Simulation.run({ seed: 3, learn, mixed })
      expect(missed(outcome).filter((name) => !name.startsWith("signed attacks"))).toEqual([])
      const { byKind } = outcome
      // The kinds that argument content alone tells.
      for (const kind of ["sql", "script", "command", "path", "template", "polymorphic"]) {
        const { blocked, missed: ran, offered } = byKind.get(kind)!
        expect(offered, kind).toBeGreaterThan(5)
        expect(blocked / offered, `${kind}: ${ran.join(", ")}`).toBeGreaterThanOrEqual(0.95)
      }
      const attacks = [...byKind.values()].reduce((sum, kind) => sum + kind.offered + kind.approach, 0)
      const share = attacks / (attacks + outcome.legitimate.offered)
      expect(share).toBeGreaterThan(0.095)
      expect(share).toBeLessThan(0.105)
    }))

  it.live("gives the same outcome for the same seed, and another one for another", () =>
    Effect.gen(function*() {
      const first = yield* Simulation.run(tiny)
      expect(yield* Simulation.run(tiny)).toEqual(first)
      expect(yield* Simulation.run({ ...tiny, seed: 6 })).not.toEqual(first)
    }))

  it.live("names the bars that a brain without judgement misses", () =>
    Effect.gen(function*() {
      const outcome = yield* Simulation.run({ ...tiny, overrides: { DecisionEngine: NoOps.parts.DecisionEngine } })
      expect(missed(outcome).filter((name) => name.startsWith("signed attacks"))).toHaveLength(2)
      expect(missed(outcome).filter((name) => name.startsWith("legitimate"))).toEqual([])
    }))

  it.live("names the bars that a brain misses which blocks whatever it can", () =>
    Effect.gen(function*() {
      const blocking = Layer.effect(
        DecisionEngine,
        Effect.map(DecisionEngine, (engine) =>
          DecisionEngine.of({
            ...engine,
            decideUnsafe: (event, assessment, enforced) => ({
              ...engine.decideUnsafe(event, assessment, enforced),
              action: "block"
            })
          }))
      ).pipe(Layer.provide(NoOps.parts.DecisionEngine))
      const outcome = yield* Simulation.run({ ...tiny, overrides: { DecisionEngine: blocking } })
      expect(missed(outcome).filter((name) => name.startsWith("signed attacks"))).toEqual([])
      expect(missed(outcome).filter((name) => name.startsWith("legitimate"))).toHaveLength(2)
    }))

  it.live("notices replays and wrong dates that are accepted, and that they have effects", () =>
    Effect.gen(function*() {
      const outcome = yield* Simulation.run({ ...tiny, overrides: { ReplayGuard: NoOps.parts.ReplayGuard } })
      expect(missed(outcome)).toEqual(expect.arrayContaining([
        "replayed envelopes refused, trained",
        "time-skewed envelopes refused, trained",
        "refused envelopes without effect, trained"
      ]))
      expect(missed(outcome)).not.toContain("forged envelopes refused, trained")
    }))
})
