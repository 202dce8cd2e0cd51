import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CallFeatures } from "../domain/CallFeatures.ts"

/** Turns the arguments of a call into features; raw values never leave it, whatever they are. */
export class TelemetryGenerator extends Context.Service<TelemetryGenerator, {
  /**
   * Describes arguments. Never throws, never runs a getter twice, bounded in depth, count and bytes. `redact` names
   * arguments (by path) of which only the type is described.
   */
  readonly describeUnsafe: (args: ReadonlyArray<unknown>, redact: ReadonlySet<string> | undefined) => CallFeatures
  readonly describe: (args: ReadonlyArray<unknown>, redact?: ReadonlySet<string>) => Effect.Effect<CallFeatures>
  /** A keyed 32-bit hash of a subject or session: what stands for it outside the agent. */
  readonly hashUnsafe: (value: string) => number
}>()("effect-pic/services/TelemetryGenerator") {}
