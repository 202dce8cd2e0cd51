import type { Assessment } from "../Assessment.ts"

/**
 * Weight of the raw score beside the p-value. Ranks of a calibration sample lie at least 1e-4 apart on the scale of
 * -log10 p, so this orders calls of the same rank and never turns two ranks around.
 */
export const tieWeight = 1e-6

/**
 * How suspicious a verdict is, in decades: `-log10 p`, and within the same p-value the detector's own score. P-values are
 * comparable between functions, but many calls share one; scores are fine, but comparable within a function only.
 */
export const suspicionOf = ({ pValue, score }: Pick<Assessment, "pValue" | "score">): number => {
  const raw = Number.isFinite(score) ? Math.max(0, score) : Number.MAX_VALUE
  return -Math.log10(Math.max(pValue, Number.MIN_VALUE)) + tieWeight * (1 - 1 / (1 + raw))
}
