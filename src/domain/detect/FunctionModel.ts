/** The learned model of one function. */
export interface FunctionModel {
  readonly fn: string
}
