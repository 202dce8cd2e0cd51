import { type ArgumentFeatures, argumentTypes } from "../CallFeatures.ts"

const typeCodes: ReadonlyMap<string, number> = new Map(argumentTypes.map((type, code) => [type, code]))

/** The place of a value's type among all types. */
export const typeCode = (value: ArgumentFeatures): number => typeCodes.get(value.type) ?? 0

/**
 * The format of a value; 0: it has none. A number or a date has few forms (negative, with a fraction, not a number), each
 * of which is a format.
 */
export const formOf = (value: ArgumentFeatures): number => {
  if (value.mask !== 0 || value.shape === "" || value.type === "string") return value.mask
  let form = value.shape.length
  for (let i = 0; i < value.shape.length; i++) form = (form << 8) | value.shape.charCodeAt(i)
  return form
}

/** Whether the format of a value is one of the few forms of numbers. */
export const hasForms = (value: ArgumentFeatures): boolean => value.mask === 0 && value.type !== "string"

/** Whether the format of a value is its number of elements. */
export const isCounted = (value: ArgumentFeatures): boolean =>
  value.type === "array" || value.type === "map" || value.type === "set"

/** Whether the size of a value says something. */
export const hasSize = (value: ArgumentFeatures): boolean =>
  isCounted(value) || value.type === "string" || value.type === "object" || value.type === "binary"

/** Whether a value has a magnitude. */
export const hasMagnitude = (value: ArgumentFeatures): boolean =>
  value.type === "number" || value.type === "bigint" || value.type === "date" || value.type === "binary"
