import * as Effect from "effect/Effect"
import type { TraceCall, TraceLine } from "../../domain/replay/TraceLine.ts"
import * as TraceFiles from "./TraceFiles.ts"

/** How far a long work is, in 0..1. */
export type Progress = (label: string, done: number, total: number) => Effect.Effect<void>

/** What a set of trace files holds. */
export interface TraceCounts {
  readonly lines: number
  readonly calls: number
  readonly attacks: number
}

/** What must be known about all lines before the first is replayed. */
export interface TraceFacts {
  readonly learn: TraceCounts
  readonly test: TraceCounts
  /** Functions with a call whose time is unknown: their rate means nothing. */
  readonly untimed: ReadonlySet<string>
  /** Functions with an outcome whose duration is unknown: their durations mean nothing. */
  readonly unmeasured: ReadonlySet<string>
}

class Collector {
  readonly untimed = new Set<string>()
  readonly unmeasured = new Set<string>()

  note({ dur, fn, ok, t }: TraceCall): void {
    if (t === undefined) this.untimed.add(fn)
    if (ok !== undefined && dur === undefined) this.unmeasured.add(fn)
  }
}

const countLine = (counts: { lines: number; calls: number; attacks: number }, trace: TraceLine): void => {
  counts.lines++
  counts.calls += trace.calls.length
  if (trace.attack === true) counts.attacks++
}

/**
 * Reads and decodes every line of all files, so that nothing is done where any of them is unreadable. Fails with the
 * first unreadable line, and for a file without lines.
 */
export const check = (
  learn: ReadonlyArray<string>,
  test: ReadonlyArray<string>,
  progress: Progress
): Effect.Effect<TraceFacts, TraceFiles.TraceUnreadable> =>
  Effect.gen(function*() {
    const files = [...learn, ...test]
    const sizes: Array<number> = []
    for (const file of files) sizes.push(yield* TraceFiles.sizeOf(file))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const collector = new Collector()
    const perFile = files.map(() => ({ lines: 0, calls: 0, attacks: 0 }))
    let before = 0
    let current = 0
    yield* TraceFiles.forEachPage(files, (page, index) => {
      if (index !== current) {
        before += sizes[current]!
        current = index
      }
      for (const { trace } of page.lines) {
        countLine(perFile[index]!, trace)
        for (const call of trace.calls) collector.note(call)
      }
      return progress("checking", before + page.bytes, total)
    })
    for (const [index, { lines }] of perFile.entries()) {
      if (lines > 0) continue
      return yield* new TraceFiles.TraceUnreadable({ file: files[index]!, line: undefined, reason: "has no lines" })
    }
    const sum = (parts: ReadonlyArray<TraceCounts>): TraceCounts =>
      parts.reduce((all, part) => ({
        lines: all.lines + part.lines,
        calls: all.calls + part.calls,
        attacks: all.attacks + part.attacks
      }), { lines: 0, calls: 0, attacks: 0 })
    return {
      learn: sum(perFile.slice(0, learn.length)),
      test: sum(perFile.slice(learn.length)),
      untimed: collector.untimed,
      unmeasured: collector.unmeasured
    }
  })
