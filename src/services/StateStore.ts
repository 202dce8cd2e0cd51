import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The state could not be read or written. */
export class StateStoreError
  extends Schema.TaggedError<StateStoreError>()("StateStoreError", { detail: Schema.String })
{
  override get message() {
    return `state store: ${this.detail}`
  }
}

/** A stored value: absent, found, or refused because its MAC does not verify. */
export type StateEntry =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Found"; readonly bytes: Uint8Array }
  | { readonly _tag: "Refused"; readonly detail: string }

/** Named bytes that survive a restart, each MACed with the `state` key: baselines, counters, rollout state. */
export class StateStore extends Context.Service<StateStore, {
  readonly save: (name: string, bytes: Uint8Array) => Effect.Effect<void, StateStoreError>
  readonly load: (name: string) => Effect.Effect<StateEntry, StateStoreError>
}>()("effect-pic/services/StateStore") {}
