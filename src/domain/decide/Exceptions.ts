import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { ArgumentFeatures } from "../CallFeatures.ts"
import { type Decision, DetectorId, type Finding, findingsMax } from "../Decision.ts"
import type { TelemetryEvent } from "../TelemetryEvent.ts"

/** Most live exceptions: more than an operator can review is a policy, and belongs into the application. */
export const exceptionsMax = 256
/** How long an exception may last at most, in seconds: 30 days, after which somebody must decide again. */
export const exceptionSecondsMax = 30 * 86_400
/** How long an exception lasts where nobody says, in seconds: a week. */
export const exceptionSecondsDefault = 7 * 86_400
/** Longest reason, in UTF-16 code units: a sentence. */
export const reasonLengthMax = 200
/** Longest name of an owner, in UTF-16 code units. */
export const ownerLengthMax = 64
/** Most values at one path that one pattern may name: elements of a list share a path. */
export const boundsMax = 16
/** How much less probable than the excepted finding another may be, since models go on learning a little. */
export const slack = 0.5

/**
 * One finding that an exception covers. `bounds` are keyed hashes or digests that the values at the path must have
 * (empty: the text `seen` must be the same); findings less probable than `pValueMin` are not covered.
 */
export const Pattern = Schema.Struct({
  detector: DetectorId,
  path: Schema.String.check(Schema.isMaxLength(256)),
  seen: Schema.String.check(Schema.isMaxLength(300)),
  bounds: Schema.Array(Schema.String.check(Schema.isMaxLength(32))).check(Schema.isMaxLength(boundsMax)),
  pValueMin: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
})
export type Pattern = typeof Pattern.Type

/** What an operator allows although the detector calls it anomalous. Times are epoch ms. */
export const Exception = Schema.Struct({
  id: Schema.String.check(Schema.isMaxLength(64)),
  fn: Schema.String.check(Schema.isMaxLength(256)),
  patterns: Schema.Array(Pattern).check(Schema.isMinLength(1), Schema.isMaxLength(findingsMax)),
  decisionId: Schema.String.check(Schema.isMaxLength(64)),
  reason: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(reasonLengthMax)),
  owner: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(ownerLengthMax)),
  createdAt: Schema.Finite,
  until: Schema.Finite,
  hits: Schema.Int,
  lastHitAt: Schema.Finite
})
export type Exception = typeof Exception.Type

/** A short digest of a text that must not be stored itself. */
export type Digest = (text: string) => string

/** What of a value an exception is bound to: a new value to itself, a form or a gram to the form, and nothing else. */
const boundOf = (detector: DetectorId, value: ArgumentFeatures, digest: Digest): string | undefined => {
  switch (detector) {
    case "novelty":
      return value.value === 0 ? undefined : `v${value.value.toString(36)}`
    case "mask":
      return value.mask === 0
        ? value.shape === "" ? undefined : `s${digest(value.shape)}`
        : `m${value.mask.toString(36)}`
    case "shape":
    case "grams":
      return value.type === "string" ? `s${digest(value.shape)}` : undefined
    default:
      return undefined
  }
}

/** The bounds of all values at a path. */
const boundsOf = (finding: Finding, event: TelemetryEvent, digest: Digest): ReadonlyArray<string> => {
  const bounds = new Set<string>()
  for (const value of event.features.arguments) {
    if (value.path !== finding.path) continue
    const bound = boundOf(finding.detector, value, digest)
    if (bound !== undefined) bounds.add(bound)
  }
  return [...bounds]
}

const number = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/
const numbers = new RegExp(number, "g")

/** On which side of the expected range a quantity lies: an exception for a large amount is none for a negative one. */
const sideOf = (seen: string, expected: string): string => {
  const value = Number(number.exec(seen)?.[0])
  const range = (expected.replace(/ \(.*\)$/, "").match(numbers) ?? []).map(Number)
  if (range.length === 0 || Number.isNaN(value)) return ""
  if (value > Math.max(...range)) return " (above)"
  return value < Math.min(...range) ? " (below)" : ""
}

/** What was seen without what changes from call to call: the count of learned calls, and how much it was. */
const stableText = ({ detector, expected, seen }: Finding): string => {
  const text = seen.replace(/ in \d+ learned calls$/, "")
  const amount = text.replace(/^argument \d+[^:]*: /, "")
  switch (detector) {
    case "size":
    case "magnitude":
      return number.test(amount) ? `${amount.replace(number, "#")}${sideOf(amount, expected)}` : text
    case "rate":
    case "duration":
    case "drift":
      return amount.replace(number, "#")
    default:
      return text
  }
}

/** Findings that are a matter of degree: what is further away than the excepted one is not covered. */
const isGraded = (detector: DetectorId, text: string): boolean => detector === "grams" || text.includes("#")

const patternOf = (finding: Finding, event: TelemetryEvent, digest: Digest): Pattern => {
  const seen = stableText(finding)
  return {
    detector: finding.detector,
    path: finding.path,
    seen,
    bounds: boundsOf(finding, event, digest),
    pValueMin: isGraded(finding.detector, seen) ? finding.pValue * slack : 0
  }
}

/** Derives the narrowest exception that lets a decided call through; the failure says why there is none. */
export const derive = (options: {
  readonly id: string
  readonly event: TelemetryEvent
  readonly decision: Decision
  readonly reason: string
  readonly owner: string
  readonly now: number
  readonly seconds: number
  readonly digest: Digest
}): Result.Result<Exception, string> => {
  const { decision, digest, event, id, now, owner, reason, seconds } = options
  if (!decision.wouldBlock) return Result.fail(`decision ${decision.id} allowed the call: there is nothing to except`)
  if (decision.findings.length === 0) {
    return Result.fail(`decision ${decision.id} has no findings that an exception could be derived from`)
  }
  const patterns = decision.findings.map((finding) => patternOf(finding, event, digest))
  const wide = patterns.find(({ bounds }) => bounds.length > boundsMax)
  if (wide !== undefined) {
    return Result.fail(`more than ${boundsMax} different values at ${wide.path}: no exception can name them all`)
  }
  const until = now + seconds * 1000
  return Result.succeed({
    id,
    fn: event.fn,
    patterns,
    decisionId: decision.id,
    reason,
    owner,
    createdAt: now,
    until,
    hits: 0,
    lastHitAt: 0
  })
}

/** Whether a pattern covers a finding on an event. */
export const covers = (pattern: Pattern, finding: Finding, event: TelemetryEvent, digest: Digest): boolean => {
  if (pattern.detector !== finding.detector || pattern.path !== finding.path) return false
  if (finding.pValue < pattern.pValueMin) return false
  if (pattern.bounds.length === 0) return pattern.seen === stableText(finding)
  const bounds = boundsOf(finding, event, digest)
  return bounds.length > 0 && bounds.every((bound) => pattern.bounds.includes(bound))
}

const exceptedReason = "anomalous; allowed by exception "
const reasonMax = 256

/** The decision on an anomalous call that exceptions cover. */
export const excepted = (decision: Decision, ids: ReadonlyArray<string>): Decision => ({
  ...decision,
  action: "allow",
  source: "exception",
  reason: `${exceptedReason}${ids.join(", ")}`.slice(0, reasonMax),
  wouldBlock: false
})

/** The exceptions that allowed a call, as its decision names them. */
export const exceptionsOf = ({ reason, source }: Decision): string =>
  source === "exception" ? reason.slice(exceptedReason.length) : ""

/** An exception on one line: what it lets through. */
export const inWords = ({ patterns }: Exception): string =>
  patterns.map(({ detector, path, seen }) => `${detector}${path === "" ? "" : ` at ${path}`}: ${seen}`).join("; ")
