import type { TelemetryEvent } from "../TelemetryEvent.ts"

/**
 * What makes two events identical for the decision cache: the function, its subject and the keyed hashes of all values.
 * `undefined` where some value has no hash, so that a call which is not known whole is never answered from the cache.
 */
export const fingerprint = (event: TelemetryEvent): string | undefined => {
  const { features } = event
  if (features.truncated) return undefined
  let key = `${event.fn}\0${event.subjectHash}\0${features.arity}`
  for (const argument of features.arguments) {
    switch (argument.type) {
      case "undefined":
      case "null":
      case "array":
      case "object":
        break
      default:
        if (argument.value === 0) return undefined
    }
    key += `\0${argument.path}\0${argument.type}\0${argument.size}\0${argument.value}`
  }
  return key
}
