import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { KeyManager, type KeyManagerError, type KeysetInfo } from "../../services/KeyManager.ts"
import * as AuditLog from "./AuditLog.ts"
import { type ConfigFlags, configFlags, exists, jsonFlag, keysetPath, loadConfig } from "./Common.ts"
import { BadInput, CheckFailed } from "./Failure.ts"
import * as Keyset from "./Keyset.ts"
import * as Output from "./Output.ts"

const flags = { ...configFlags, json: jsonFlag }

interface Input extends ConfigFlags {
  readonly json: boolean
}

/** Disabled keys that are printed, the newest ones: a keyset of years has hundreds. `--json` has them all. */
const disabledMax = 8

const render = ({ checkpointPublicKey, generation, keys, path }: KeysetInfo): string => {
  const disabled = keys.filter(({ state }) => state === "disabled")
  const hidden = new Set(disabled.slice(0, -disabledMax))
  const rows = keys.filter((key) => !hidden.has(key)).map((key) => [
    key.id,
    key.state,
    Output.time(key.createdAt),
    Output.time(key.primaryAt),
    Output.time(key.retiredAt)
  ])
  return [
    `${path}, generation ${generation}, checkpoint key ${checkpointPublicKey}`,
    ...(hidden.size > 0
      ? [`${hidden.size} older disabled keys, which verify evidence only, are listed by --json`]
      : []),
    Output.table(["ID", "STATE", "CREATED", "PRIMARY SINCE", "RETIRED"], rows)
  ].join("\n")
}

/** Runs one operation on an existing keyset and prints the keyset after it. */
const operate = (
  input: Input,
  operation: (keys: KeyManager["Service"]) => Effect.Effect<KeysetInfo, KeyManagerError>,
  event?: string
) =>
  Effect.gen(function*() {
    const { settings } = yield* loadConfig(input)
    yield* Keyset.source(settings)
    const recorded = event === undefined ? Effect.void : AuditLog.note(settings, "key", { event, by: "pic keys" })
    const info = yield* Effect.flatMap(KeyManager, operation).pipe(
      Effect.tap(recorded),
      Effect.catchReason("KeyManagerError", "KeysetRefused", (reason) => new BadInput({ message: reason.message })),
      Effect.catchTag("KeyManagerError", (error) => new CheckFailed({ message: error.message })),
      Effect.provide(Keyset.layer(input))
    )
    yield* Output.result(input.json, info, () => render(info))
  })

const init = Command.make("init", flags, (input) =>
  Effect.gen(function*() {
    const { settings } = yield* loadConfig(input)
    const path = keysetPath(settings)
    if (path === undefined) {
      return yield* new BadInput({ message: "storage.directory is memory: nothing can be stored" })
    }
    if (exists(path)) return yield* new CheckFailed({ message: `${path} exists already and was left as it is` })
    const info = yield* Effect.flatMap(KeyManager, (keys) => keys.list).pipe(Effect.provide(Keyset.layer(input)))
    yield* Output.result(input.json, info, () => render(info))
  })).pipe(Command.withDescription("Make the keyset file (mode 0600) where there is none"))

const list = Command.make("list", flags, (input) => operate(input, (keys) => keys.list)).pipe(
  Command.withDescription("List the keys with their states; never a secret")
)

const rotate = Command.make("rotate", flags, (input) => operate(input, (keys) => keys.rotateKeys, "rotated")).pipe(
  Command.withDescription("Make the backup key the primary one, retire the old one, make a new backup")
)

const revoke = Command.make(
  "revoke",
  { ...flags, id: Argument.String("id").pipe(Argument.withDescription("Key id as `pic keys list` shows it")) },
  (input) => operate(input, (keys) => keys.revokeKey(input.id), `revoked ${input.id}`)
).pipe(
  Command.withDescription("Disable a key at once; where it was primary, the backup takes over. Cannot be undone.")
)

/** `pic keys`. */
export const command = Command.make("keys").pipe(
  Command.withDescription("Manage the keyset file; a running process follows within a second"),
  Command.withSubcommands([init, list, rotate, revoke])
)
