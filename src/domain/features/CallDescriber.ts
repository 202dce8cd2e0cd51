import {
  type ArgumentFeatures,
  argumentsMax,
  type ArgumentType,
  type CallFeatures,
  none,
  pathLengthMax
} from "../CallFeatures.ts"
import { KeyedHash } from "../keys/KeyedHash.ts"
import { entropy, readBytes } from "./BinaryForm.ts"
import { fieldName } from "./FieldName.ts"
import type { ObjectProbe } from "./ObjectProbe.ts"
import { StringDescriber } from "./StringDescriber.ts"

/** Levels of nesting that are described: deeper values are `opaque`. */
export const depthMax = 4
/** Elements of one array, entries of one map or fields of one object that are described. */
export const entriesMax = 32
/** Characters read per call, over all its strings; further strings are described by type and size. */
export const charactersPerCallMax = 16_384
/** Paths kept in the memo; names of fields come from code, so few suffice. */
const pathsMax = 4096
const sizeMax = 0xffff_ffff
const emptyGrams: ReadonlyArray<number> = []

interface Pending {
  readonly value: object
  readonly path: string
  readonly depth: number
  readonly parent: Pending | undefined
}

const mapEntries = Map.prototype.entries
const setValues = Set.prototype.values
const dateTime = Date.prototype.getTime
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size")?.get
const setSize = Object.getOwnPropertyDescriptor(Set.prototype, "size")?.get

const describeForm = (path: string, type: ArgumentType, size: number): ArgumentFeatures => ({
  path,
  type,
  size,
  shape: "",
  mask: 0,
  value: 0,
  magnitude: 0,
  grams: emptyGrams
})

/** The place of the fourth significant digit; of ordinary amounts without a logarithm and a power, which cost 100 ns. */
const unitOf = (size: number): number => {
  if (size < 10_000 || size > Number.MAX_SAFE_INTEGER) return 10 ** (Math.floor(Math.log10(size)) - 3)
  let unit = 10
  while (size >= unit * 10_000) unit *= 10
  return unit
}

/** Rounds to about four significant digits, because a slow drift is smaller than 1 %, and into what JSON can carry. */
export const roundMagnitude = (value: number): number => {
  if (value === 0 || Number.isNaN(value)) return 0
  if (Number.isInteger(value) && value < 10_000 && value > -10_000) return value
  const size = Math.abs(value)
  if (size > 1e300) return Math.sign(value) * 1e300
  if (size < 1e-300) return 0
  const unit = unitOf(size)
  const rounded = Math.round(value / unit) * unit
  return Number.isInteger(rounded) || size < 10_000 ? rounded : Math.round(rounded)
}

const numberShape = (value: number): string => {
  if (Number.isNaN(value)) return "?"
  const whole = Number.isInteger(value)
  if (value < 0) return whole ? "-0" : value === -Infinity ? "-*" : "-0.0"
  return whole ? "0" : value === Infinity ? "*" : "0.0"
}

/**
 * Describes the arguments of calls: kinds, sizes and forms, keyed hashes, never content. Values are read at most once,
 * through property descriptors; accessors are not run, proxies are not touched. Nothing here throws.
 */
export class CallDescriber {
  readonly #hash: KeyedHash
  readonly #strings: StringDescriber
  readonly #probe: ObjectProbe
  readonly #paths = new Map<string, Map<string, string>>()
  readonly #roots = Array.from({ length: 256 }, (_, index) => String(index))
  readonly #number = new Float64Array(1)
  readonly #numberWords = new Int32Array(this.#number.buffer)
  #pathCount = 0
  #found: Array<ArgumentFeatures> = []
  #pending: Array<Pending> = []
  #characters = 0
  #truncated = false
  #redact: ReadonlySet<string> | undefined

  constructor(key: readonly [number, number], probe: ObjectProbe) {
    this.#hash = new KeyedHash(key)
    this.#strings = new StringDescriber(this.#hash)
    this.#probe = probe
  }

  /** A keyed hash of a string: what stands for a subject or session outside the agent. */
  hash(value: string): number {
    return this.#hash.string(value)
  }

  /** Describes the arguments of one call. */
  describe(args: ReadonlyArray<unknown>, redact: ReadonlySet<string> | undefined): CallFeatures {
    const count = args.length
    if (count === 0) return none
    const found: Array<ArgumentFeatures> = this.#found = []
    this.#characters = 0
    this.#truncated = count > argumentsMax
    this.#redact = redact
    for (let i = 0; i < count && i < argumentsMax; i++) this.#value(args[i], this.#roots[i]!, 1, undefined)
    if (this.#pending.length > 0) this.#drain()
    this.#found = []
    return { arity: Math.min(count, 0xffff), arguments: found, truncated: this.#truncated }
  }

  /** Nested values in the order of their depth, so that one large argument cannot hide the next. */
  #drain(): void {
    const pending = this.#pending
    for (let i = 0; i < pending.length; i++) {
      if (this.#found.length >= argumentsMax) {
        this.#truncated = true
        break
      }
      this.#inside(pending[i]!)
    }
    pending.length = 0
  }

  #value(value: unknown, path: string, depth: number, parent: Pending | undefined): void {
    const found = this.#found
    if (found.length >= argumentsMax) {
      this.#truncated = true
      return
    }
    if (this.#redact !== undefined && this.#redact.has(path)) {
      found.push(describeForm(path, "redacted", 0))
      return
    }
    switch (typeof value) {
      case "string":
        this.#string(value, path)
        return
      case "number":
        found.push(this.#numberForm(value, path))
        return
      case "boolean":
        found.push({ ...describeForm(path, "boolean", 0), value: this.#hash.pair(1, value ? 2 : 1) || 1 })
        return
      case "object":
        if (value === null) found.push(describeForm(path, "null", 0))
        else this.#object(value, path, depth, parent)
        return
      case "undefined":
        found.push(describeForm(path, "undefined", 0))
        return
      case "bigint":
        found.push(this.#bigint(value, path))
        return
      default:
        found.push(describeForm(path, typeof value === "function" ? "function" : "symbol", 0))
    }
  }

  #string(value: string, path: string): void {
    this.#characters += value.length
    if (this.#characters > charactersPerCallMax) {
      this.#truncated = true
      this.#found.push(describeForm(path, "string", Math.min(value.length, sizeMax)))
      return
    }
    this.#strings.describe(value)
    const form = this.#strings.form
    if (form.truncated) this.#truncated = true
    this.#found.push({
      path,
      type: "string",
      size: Math.min(value.length, sizeMax),
      shape: form.shape,
      mask: form.mask,
      value: form.value,
      magnitude: 0,
      grams: form.grams
    })
  }

  #numberForm(value: number, path: string): ArgumentFeatures {
    this.#number[0] = value
    return {
      path,
      type: "number",
      size: 0,
      shape: numberShape(value),
      mask: 0,
      value: this.#hash.pair(this.#numberWords[0]!, this.#numberWords[1]!) || 1,
      magnitude: roundMagnitude(value),
      grams: emptyGrams
    }
  }

  #bigint(value: bigint, path: string): ArgumentFeatures {
    const magnitude = roundMagnitude(Number(value))
    return { ...describeForm(path, "bigint", 0), shape: value < 0n ? "-0" : "0", magnitude }
  }

  #object(value: object, path: string, depth: number, parent: Pending | undefined): void {
    const found = this.#found
    try {
      const probe = this.#probe
      if (probe.isProxy(value)) {
        found.push(describeForm(path, "opaque", 0))
      } else if (ArrayBuffer.isView(value) || probe.isArrayBuffer(value)) {
        found.push(this.#binary(value, path))
      } else if (probe.isDate(value)) {
        const time = dateTime.call(value)
        found.push({
          ...describeForm(path, "date", 0),
          shape: Number.isNaN(time) ? "?" : "0",
          magnitude: roundMagnitude(time)
        })
      } else {
        this.#container(value, path, depth, parent)
      }
    } catch {
      found.push(describeForm(path, "opaque", 0))
    }
  }

  #container(value: object, path: string, depth: number, parent: Pending | undefined): void {
    const probe = this.#probe
    let type: ArgumentType = "object"
    let size = 0
    if (Array.isArray(value)) {
      type = "array"
      size = value.length
    } else if (probe.isMap(value)) {
      type = "map"
      size = mapSize?.call(value) as number
    } else if (probe.isSet(value)) {
      type = "set"
      size = setSize?.call(value) as number
    } else if (probe.isError(value)) {
      this.#found.push(describeForm(path, "error", 0))
      return
    }
    for (let up = parent; up !== undefined; up = up.parent) {
      if (up.value === value) {
        this.#found.push(describeForm(path, "opaque", 0))
        return
      }
    }
    if (depth > depthMax) {
      this.#found.push(describeForm(path, "opaque", 0))
      return
    }
    const at = this.#found.length
    const form = describeForm(path, type, Math.min(size, sizeMax))
    this.#found.push(type === "object" ? form : { ...form, mask: this.#hash.pair(size, 3) || 1 })
    if (type === "object") {
      size = Object.keys(value).length
      this.#found[at] = describeForm(path, type, Math.min(size, sizeMax))
    }
    if (size > 0) this.#pending.push({ value, path, depth, parent })
  }

  /** Describes what is inside an array, map, set or object. */
  #inside(container: Pending): void {
    const { value } = container
    try {
      if (Array.isArray(value)) {
        const path = this.#child(container.path, "[]")
        const count = Math.min(value.length, entriesMax)
        if (value.length > entriesMax) this.#truncated = true
        for (let i = 0; i < count; i++) this.#property(value, String(i), path, container)
      } else if (this.#probe.isMap(value) || this.#probe.isSet(value)) {
        this.#entries(container)
      } else {
        this.#fields(container)
      }
    } catch {
      this.#truncated = true
    }
  }

  #entries(container: Pending): void {
    const path = this.#child(container.path, ".*")
    const values: Iterator<unknown> = this.#probe.isMap(container.value)
      ? mapEntries.call(container.value)
      : setValues.call(container.value)
    const pair = this.#probe.isMap(container.value)
    for (let i = 0; i < entriesMax; i++) {
      const next = values.next()
      if (next.done === true) return
      const entry: unknown = pair ? (next.value as [unknown, unknown])[1] : next.value
      this.#value(entry, path, container.depth + 1, container)
    }
    this.#truncated = true
  }

  /** Fields by name; of an object with many, or with keys that are data, all under one path. */
  #fields(container: Pending): void {
    const keys = Object.keys(container.value)
    const open = keys.length > entriesMax
    if (open) this.#truncated = true
    for (let i = 0; i < keys.length && i < entriesMax; i++) {
      const key = keys[i]!
      const path = this.#child(container.path, open ? ".*" : `.${fieldName(key)}`)
      this.#property(container.value, key, path, container)
    }
  }

  /** Reads one own data property, once; an accessor is not run. */
  #property(holder: object, key: string, path: string, container: Pending): void {
    const descriptor = Object.getOwnPropertyDescriptor(holder, key)
    if (descriptor !== undefined && !("value" in descriptor)) {
      const redacted = this.#redact?.has(path) === true
      if (this.#found.length < argumentsMax) this.#found.push(describeForm(path, redacted ? "redacted" : "opaque", 0))
      else this.#truncated = true
      return
    }
    this.#value(descriptor?.value, path, container.depth + 1, container)
  }

  #binary(value: object, path: string): ArgumentFeatures {
    const { bytes, size } = readBytes(value)
    return {
      ...describeForm(path, "binary", Math.min(size, sizeMax)),
      value: this.#hash.bytes(bytes) || 1,
      magnitude: roundMagnitude(entropy(bytes))
    }
  }

  /** The path of a child, from a memo: paths are map keys in the models, so each should be one string object. */
  #child(parent: string, name: string): string {
    const children = this.#paths.get(parent)
    const known = children?.get(name)
    if (known !== undefined) return known
    const path = (parent + name).slice(0, pathLengthMax)
    if (this.#pathCount < pathsMax) {
      this.#pathCount++
      if (children === undefined) this.#paths.set(parent, new Map([[name, path]]))
      else children.set(name, path)
    }
    return path
  }
}
