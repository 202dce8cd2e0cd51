/** What the simulation says: a table per kind, bars with their values, and examples of what was missed. */
import type { KindTally, Outcome } from "./Simulation.ts"

/** A promise with what was measured: `ok` where the value is at least the bar. Shares are fractions. */
export interface Bar {
  readonly name: string
  readonly value: number
  readonly atLeast: number
  readonly ok: boolean
}

interface Phase {
  readonly blocked: number
  readonly blockedMeanOfKinds: number
  readonly legitimateAccepted: number
  readonly byKind: Readonly<Record<string, KindTally & { readonly rate: number }>>
  readonly envelopes: Readonly<Record<string, { readonly offered: number; readonly refused: number }>>
  readonly legitimate: Outcome["legitimate"]
  readonly learning: Outcome["learning"]
}

export interface Report {
  readonly ok: boolean
  readonly seed: number
  readonly bars: ReadonlyArray<Bar>
  readonly trained: Phase
  readonly cold: Phase
}

const share = (part: number, whole: number): number => whole === 0 ? 0 : part / whole
const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, n) => total + n, 0)

const phaseOf = (outcome: Outcome): Phase => {
  const kinds = [...outcome.byKind].map(([kind, tally]) =>
    [kind, { ...tally, rate: share(tally.blocked, tally.offered) }] as const
  )
  const tallies = kinds.map(([, tally]) => tally)
  return {
    blocked: share(sum(tallies.map((tally) => tally.blocked)), sum(tallies.map((tally) => tally.offered))),
    blockedMeanOfKinds: share(sum(tallies.map((tally) => tally.rate)), tallies.length),
    legitimateAccepted: share(outcome.legitimate.accepted, outcome.legitimate.offered),
    byKind: Object.fromEntries(kinds),
    envelopes: Object.fromEntries(outcome.envelopes.byKind),
    legitimate: outcome.legitimate,
    learning: outcome.learning
  }
}

const bar = (name: string, value: number, atLeast: number): Bar => ({ name, value, atLeast, ok: value >= atLeast })

/** Bars that hold in both phases: for legitimate calls, and for the link. */
const commonBars = (name: string, outcome: Outcome): ReadonlyArray<Bar> => {
  const { envelopes, legitimate, unexplained } = outcome
  return [
    bar(`legitimate accepted, ${name}`, share(legitimate.accepted, legitimate.offered), 0.998),
    ...["forged", "truncated", "replayed", "time-skewed"].map((kind) => {
      const tally = envelopes.byKind.get(kind)
      return bar(`${kind} envelopes refused, ${name}`, share(tally?.refused ?? 0, tally?.offered ?? 0), 1)
    }),
    bar(`refused envelopes without effect, ${name}`, envelopes.effects === 0 ? 1 : 0, 1),
    bar(`envelopes of a clock one second off accepted, ${name}`, envelopes.controlsRefused === 0 ? 1 : 0, 1),
    bar(`allowed calls ran and blocked ones did not, ${name}`, unexplained === 0 ? 1 : 0, 1)
  ]
}

export const make = (seed: number, outcomes: { readonly trained: Outcome; readonly cold: Outcome }): Report => {
  const trained = phaseOf(outcomes.trained)
  const bars = [
    bar("signed attacks blocked, trained, of all calls", trained.blocked, 0.95),
    bar("signed attacks blocked, trained, mean of the kinds", trained.blockedMeanOfKinds, 0.95),
    ...commonBars("trained", outcomes.trained),
    ...commonBars("cold", outcomes.cold)
  ]
  return { ok: bars.every(({ ok }) => ok), seed, bars, trained, cold: phaseOf(outcomes.cold) }
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`

const kindLines = (report: Report): ReadonlyArray<string> => {
  const cell = (part: number, whole: number): string => `${part} / ${whole}`.padStart(13)
  const lines = Object.entries(report.trained.byKind).map(([kind, trained]) => {
    const cold = report.cold.byKind[kind]
    const approach = trained.approach === 0 ? "" : `   of ${trained.approach} calls before, ${trained.approachRan} ran`
    return `  ${kind.padEnd(16)}${cell(trained.blocked, trained.offered)}${
      cell(cold?.blocked ?? 0, cold?.offered ?? 0)
    }${approach}`
  })
  const envelopes = Object.entries(report.trained.envelopes).map(([kind, { offered, refused }]) => {
    const cold = report.cold.envelopes[kind]
    return `  ${kind.padEnd(16)}${cell(refused, offered)}${cell(cold?.refused ?? 0, cold?.offered ?? 0)}`
  })
  return [
    `  ${"signed attacks".padEnd(16)}${"trained".padStart(13)}${"cold".padStart(13)}   (blocked / offered)`,
    ...lines,
    "",
    `  ${"envelopes".padEnd(16)}${"trained".padStart(13)}${"cold".padStart(13)}   (refused / offered)`,
    ...envelopes
  ]
}

const missedLines = (report: Report): ReadonlyArray<string> => {
  const weak = Object.entries(report.trained.byKind).filter(([, { rate }]) => rate < 0.95)
  if (weak.length === 0) return []
  const lines = ["", "What ran although it should not have (trained):"]
  for (const [kind, { missed, rate }] of weak) {
    lines.push(`  ${kind}: ${percent(rate)} blocked`, ...missed.map((shown) => `    ${shown}`))
  }
  return lines
}

const refusedLines = (report: Report): ReadonlyArray<string> => {
  const refused = [...report.trained.legitimate.refused, ...report.cold.legitimate.refused]
  return refused.length === 0
    ? []
    : ["", "Legitimate calls that were blocked:", ...refused.map((shown) => `    ${shown}`)]
}

/** The report as a person reads it. */
export const render = (report: Report): string => {
  const widest = Math.max(...report.bars.map(({ name }) => name.length))
  const missed = report.bars.filter(({ ok }) => !ok)
  return [
    ...kindLines(report),
    "",
    ...report.bars.map(({ atLeast, name, ok, value }) =>
      `  ${name.padEnd(widest)}  ${percent(value).padStart(9)}  at least ${percent(atLeast)}${ok ? "" : "   MISSED"}`
    ),
    ...missedLines(report),
    ...refusedLines(report),
    "",
    missed.length === 0 ? "Every bar is met." : `MISSED: ${missed.map(({ name }) => name).join("; ")}`
  ].join("\n")
}
