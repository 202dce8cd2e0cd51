/** Longest names that are compared: the distance is quadratic, and no key of ours is longer. */
const nameLengthMax = 64

/** Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps count one. */
export const editDistance = (left: string, right: string): number => {
  const a = left.slice(0, nameLengthMax)
  const b = right.slice(0, nameLengthMax)
  let beforeLast: Array<number> = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1)
      }
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

/** The known name that is nearest to a given one; the first of equals. `names` must not be empty. */
export const nearest = (name: string, names: ReadonlyArray<string>): string => {
  let best = names[0]!
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}
