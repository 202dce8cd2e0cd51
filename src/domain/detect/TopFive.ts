/** The five largest of many numbers, with where each was found: the part of a value that speaks for itself. */
export class TopFive {
  readonly values = new Float64Array(5)
  readonly places = new Int32Array(5)

  clear(): void {
    const { places, values } = this
    for (let i = 0; i < 5; i++) {
      values[i] = 0
      places[i] = -1
    }
  }

  add(value: number, place: number): void {
    const values = this.values
    if (value <= values[4]!) return
    const places = this.places
    let at = 4
    while (at > 0 && values[at - 1]! < value) {
      values[at] = values[at - 1]!
      places[at] = places[at - 1]!
      at--
    }
    values[at] = value
    places[at] = place
  }

  /** Sum of the five. */
  get sum(): number {
    const values = this.values
    return values[0]! + values[1]! + values[2]! + values[3]! + values[4]!
  }
}
