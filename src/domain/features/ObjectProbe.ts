/**
 * What only the platform knows about an object without touching it: a trap of a proxy, a getter or a changed prototype
 * could run application code.
 */
export interface ObjectProbe {
  readonly isProxy: (value: object) => boolean
  readonly isMap: (value: object) => boolean
  readonly isSet: (value: object) => boolean
  readonly isDate: (value: object) => boolean
  readonly isError: (value: object) => boolean
  readonly isArrayBuffer: (value: object) => boolean
}
