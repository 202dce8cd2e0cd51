import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Process from "node:process"
import { PicClock } from "../../services/PicClock.ts"
import type { StageRun } from "./DemoReport.ts"

/** Live progress for whoever watches: on standard error, so that standard output stays the report. */
export class Progress extends Context.Service<Progress, {
  readonly begin: (name: string, shows: string) => Effect.Effect<void>
  /** How far the stage is, in 0..1, with what is to be seen; drawn a few times a second on a terminal only. */
  readonly tickUnsafe: (fraction: number, text: string) => void
  readonly end: (run: StageRun) => Effect.Effect<void>
}>()("effect-pic/runtime/demo/Progress") {}

const barWidth = 24
/** Redraws closer than this cannot be read and only cost time. */
const redrawMs = 100
const clearLine = "\r\u001b[2K"

/** Progress of the demo. A terminal gets a moving bar; a file or a pipe gets one line for each stage. */
export const layer: Layer.Layer<Progress, never, PicClock> = Layer.effect(
  Progress,
  Effect.map(PicClock, (clock) => {
    const { stderr } = Process
    const live = stderr.isTTY
    let name = ""
    let drawnAt = 0
    const draw = (fraction: number, text: string): void => {
      const filled = Math.round(Math.min(1, fraction) * barWidth)
      stderr.write(`${clearLine}  ${name.padEnd(10)} [${"#".repeat(filled)}${".".repeat(barWidth - filled)}] ${text}`)
    }
    return Progress.of({
      begin: (stage, shows) =>
        Effect.sync(() => {
          name = stage
          drawnAt = 0
          if (live) draw(0, shows)
        }),
      tickUnsafe: (fraction, text) => {
        if (!live) return
        const now = clock.nowUnsafe()
        if (now - drawnAt < redrawMs) return
        drawnAt = now
        draw(fraction, text)
      },
      end: (run) =>
        Effect.sync(() => {
          const mark = run.problems.length === 0 ? "ok  " : "FAIL"
          stderr.write(
            `${live ? clearLine : ""}  ${mark} ${run.name.padEnd(10)} ${run.summary} (${run.seconds.toFixed(1)} s)\n`
          )
          for (const problem of run.problems) stderr.write(`       ${problem}\n`)
        })
    })
  })
)

/** Nothing to watch: for `--json` in scripts and for tests. */
export const layerSilent: Layer.Layer<Progress> = Layer.succeed(
  Progress,
  Progress.of({ begin: () => Effect.void, tickUnsafe: () => {}, end: () => Effect.void })
)
