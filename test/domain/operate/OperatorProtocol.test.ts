import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as FastCheck from "fast-check"
import {
  decodeCommand,
  encodeCommand,
  macInput,
  weakeningSecondsMax
} from "../../../src/domain/operate/OperatorProtocol.ts"

type Parts = readonly ["command" | "reply", string, string, string]

/** The same text cut into nonce, key id and body at any two places: what differs is only where one part ends. */
const cut = FastCheck.tuple(
  FastCheck.constantFrom("command" as const, "reply" as const),
  FastCheck.nat(5),
  FastCheck.nat(5)
)
const pair = FastCheck.tuple(FastCheck.string({ unit: FastCheck.constantFrom("a", "b"), maxLength: 5 }), cut, cut)

const partsOf = (text: string, [direction, i, j]: readonly ["command" | "reply", number, number]): Parts => {
  const [first, second] = i < j ? [i, j] : [j, i]
  return [direction, text.slice(0, first), text.slice(first, second), text.slice(second)]
}

const isInjective = (input: (...parts: Parts) => Uint8Array): void =>
  FastCheck.assert(
    FastCheck.property(pair, ([text, one, other]) => {
      const a = partsOf(text, one)
      const b = partsOf(text, other)
      const same = a.every((part, i) => part === b[i])
      return same === (Buffer.compare(input(...a), input(...b)) === 0)
    }),
    { numRuns: 1_000 }
  )

describe("OperatorProtocol", () => {
  it("no two messages have the same signed bytes", () => {
    isInjective((direction, nonce, keyId, body) => macInput(direction, new TextEncoder().encode(nonce), keyId, body))
  })

  it("the property finds bytes that are only joined", () => {
    assert.throws(() => isInjective((...parts) => new TextEncoder().encode(parts.join(""))))
  })

  it("reads back what it writes and refuses what is just outside", () => {
    const command = { _tag: "RolloutSet", mode: "enforce", percent: 10, forSeconds: weakeningSecondsMax } as const
    assert.deepStrictEqual(decodeCommand(encodeCommand(command)), Result.succeed(command))
    for (
      const body of [
        "{\"_tag\":\"RolloutSet\",\"percent\":100.5}",
        `{"_tag":"ModeSet","failMode":"open","forSeconds":${weakeningSecondsMax + 1}}`,
        "{\"_tag\":\"ModeSet\",\"failMode\":\"ajar\"}",
        "{\"_tag\":\"Shutdown\"}",
        "[]",
        "not json"
      ]
    ) assert.isTrue(Result.isFailure(decodeCommand(body)), body)
  })
})
