/** Stack frames that are kept: enough to find the place. */
const framesMax = 3
/** Longest name or frame that is kept, in UTF-16 code units. */
const lengthMax = 200

/**
 * What may be written down about a failure of ours: its name and where it was thrown, never its message, which may quote
 * an argument of the application.
 */
export const describeCause = (cause: unknown): string => {
  try {
    return describe(unwrap(cause))
  } catch {
    return "a failure that cannot be read"
  }
}

/** The first error or defect inside an Effect `Cause`, or the value itself. */
const unwrap = (cause: unknown): unknown => {
  if (typeof cause !== "object" || cause === null || !("reasons" in cause) || !Array.isArray(cause.reasons)) {
    return cause
  }
  const first: unknown = cause.reasons[0]
  if (typeof first !== "object" || first === null) return cause
  return "defect" in first ? first.defect : "error" in first ? first.error : cause
}

const describe = (cause: unknown): string => {
  if (!(cause instanceof Error)) return typeof cause === "string" ? "a thrown string" : `a thrown ${typeof cause}`
  const frames = (cause.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).slice(0, framesMax)
  return [cause.name.slice(0, lengthMax), ...frames.map((frame) => frame.trim().slice(0, lengthMax))].join(" ")
}
