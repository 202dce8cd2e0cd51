import { Effect, Layer } from "effect"
import * as Path from "node:path"
import { StateStore } from "../../../src/services/StateStore.ts"
import { temporaryDirectory } from "../../layers/store/Setup.ts"
import type { FaultSubject } from "../audit/Faults.ts"
import type { Subject } from "../audit/PowerLoss.ts"
import { acknowledgements, inspectWith, keysIn, layerIn, type Saved } from "./StateFile.ts"

const script = Path.join(import.meta.dirname, "StateWriter.ts")

/** The state file as a subject of power loss and of faults; its keys live as long as the scope. */
export const subjects = Effect.gen(function*() {
  const keyset = Path.join(yield* temporaryDirectory, "keyset.json")
  const keys = yield* Layer.build(keysIn(keyset))
  const inspect = inspectWith(keys)
  /** Makes the file, so that a fault hits the saves and not its making. */
  const prepare = (directory: string) =>
    Effect.orDie(Effect.provideContext(Effect.provide(Effect.asVoid(StateStore), layerIn(directory)), keys))
  const powerLoss: Subject<Saved> = { script, more: [keyset], acknowledgements, inspect }
  const fault: FaultSubject = {
    script,
    more: [keyset],
    inspect: async (directory, output) => {
      const { lost, refused } = await inspect(directory, acknowledgements(output))
      return lost > 0 ? `${lost} acknowledged values are gone` : refused
    }
  }
  return { powerLoss, fault, prepare }
})
