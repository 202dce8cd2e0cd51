import * as NodeServices from "@effect/platform-node/NodeServices"
import { ConfigProvider, Effect, Exit, Layer, References, Scope } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { dispatch } from "../../src/runtime/cli/Dispatch.ts"
import { Streams } from "../../src/runtime/cli/Output.ts"
import * as Pic from "../../src/runtime/Pic.ts"

/** A directory of its own, removed at the end of the scope. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "pic-cli-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** Runs a command line as the process would, by default without a terminal: its exit code and what it wrote. */
export const pic = (
  args: ReadonlyArray<string>,
  { env = {}, terminal = false }: { readonly env?: Record<string, string>; readonly terminal?: boolean } = {}
) =>
  Effect.gen(function*() {
    const written = { out: "", err: "" }
    const code = yield* dispatch(args).pipe(
      Effect.provideService(Streams, {
        out: (text) => Effect.sync(() => void (written.out += text)),
        err: (text) => Effect.sync(() => void (written.err += text)),
        terminal
      }),
      Effect.provideService(References.MinimumLogLevel, "None"),
      Effect.provide(Layer.merge(NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
    )
    return { code, ...written }
  })

/** One life of a protected process on a directory; it enforces, and waits for its evidence. */
export const life = Effect.fnUntraced(function*(directory: string) {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(
    Pic.layerWith({
      files: [],
      settings: {
        storage: { directory },
        audit: { wait_ms: 5_000 },
        cellagent: { fail_mode: "closed", global_rate_limit: 1e6, per_function_limit: 1e6, deadline_ms: 5_000 },
        rollout: { mode: "enforce" }
      }
    }),
    scope
  ).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  return { services, end: Scope.close(scope, Exit.void) }
})
