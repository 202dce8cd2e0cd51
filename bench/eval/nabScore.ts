/** One file of the Numenta Anomaly Benchmark: per row the number of its labelled window (0: none). */
export interface NabFile {
  readonly window: ReadonlyArray<number>
}

/** Rows at the beginning of a file that are learned and not scored. */
export const probation = (rows: number): number => Math.min(Math.floor(0.15 * rows), 750)

/** Costs of a false alarm in the standard profile; a missed window costs 1. */
const falseAlarm = 0.11

/** What an alarm is worth at a relative position: 1 long before the end of a window, 0 at it, -1 long after it. */
const worth = (position: number): number => 2 / (1 + Math.exp(5 * position)) - 1

interface Alarm {
  readonly score: number
  readonly row: number
  /** Number of the window over all files, or -1 for a row outside. */
  readonly window: number
  readonly value: number
}

interface Bounds {
  readonly first: number
  readonly last: number
}

const boundsOf = (file: NabFile): ReadonlyMap<number, Bounds> => {
  const bounds = new Map<number, Bounds>()
  file.window.forEach((window, row) => {
    if (window !== 0) bounds.set(window, { first: bounds.get(window)?.first ?? row, last: row })
  })
  return bounds
}

const alarmsOf = (file: NabFile, scores: ArrayLike<number>, offset: number): ReadonlyArray<Alarm> => {
  const bounds = boundsOf(file)
  const alarms: Array<Alarm> = []
  let last: Bounds | undefined
  file.window.forEach((window, row) => {
    const inside = bounds.get(window)
    if (inside !== undefined) last = inside
    if (row < probation(file.window.length)) return
    const score = scores[row]!
    if (inside !== undefined) {
      const width = inside.last - inside.first + 1
      alarms.push({ score, row, window: offset + window, value: worth(-(inside.last - row + 1) / width) / worth(-1) })
    } else {
      const past = last === undefined ? Infinity : (row - last.last) / (last.last - last.first)
      alarms.push({ score, row, window: -1, value: falseAlarm * (past > 3 ? -1 : worth(past)) })
    }
  })
  return alarms
}

/**
 * The score of the standard profile at the best single threshold: 0 for no alarms at all, 100 for an alarm at the
 * first row of each window and no other.
 *
 * Source: Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark" (2015).
 */
export const nabScore = (
  files: ReadonlyArray<NabFile>,
  scores: ReadonlyArray<ArrayLike<number>>
): { readonly score: number; readonly threshold: number } => {
  const alarms: Array<Alarm> = []
  let windows = 0
  files.forEach((file, i) => {
    alarms.push(...alarmsOf(file, scores[i]!, windows))
    windows += boundsOf(file).size
  })
  alarms.sort((a, b) => b.score - a.score)
  const earliest = new Map<number, Alarm>()
  let sum = -windows
  let best = { score: 0, threshold: Infinity }
  for (let i = 0; i < alarms.length;) {
    const threshold = alarms[i]!.score
    for (; i < alarms.length && alarms[i]!.score === threshold; i++) {
      const alarm = alarms[i]!
      const before = earliest.get(alarm.window)
      if (alarm.window < 0) {
        sum += alarm.value
      } else if (before === undefined || alarm.row < before.row) {
        earliest.set(alarm.window, alarm)
        sum += alarm.value - (before?.value ?? -1)
      }
    }
    const score = 100 * (sum + windows) / (2 * windows)
    if (score > best.score) best = { score, threshold }
  }
  return best
}
