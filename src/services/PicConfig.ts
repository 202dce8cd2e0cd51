import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Settings } from "../domain/settings/Settings.ts"

/** A setting was refused: where it came from, its key, what was given and what was expected. */
export class InvalidSetting extends Schema.TaggedError<InvalidSetting>()("InvalidSetting", {
  source: Schema.String,
  key: Schema.String,
  got: Schema.String,
  expected: Schema.String
}) {
  override get message() {
    return `${this.source}: ${this.key} is ${this.got}, expected ${this.expected}`
  }
}

/** A key that no setting has, with the nearest known one. */
export class UnknownSetting extends Schema.TaggedError<UnknownSetting>()("UnknownSetting", {
  source: Schema.String,
  key: Schema.String,
  nearest: Schema.String
}) {
  override get message() {
    return `${this.source}: unknown key ${this.key}; did you mean ${this.nearest}?`
  }
}

/** A file that cannot be read or is not YAML. */
export class UnreadableFile extends Schema.TaggedError<UnreadableFile>()("UnreadableFile", {
  source: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `${this.source}: ${this.detail}`
  }
}

/** A key that code has locked, or that cannot change while running. */
export class LockedSetting extends Schema.TaggedError<LockedSetting>()("LockedSetting", {
  source: Schema.String,
  key: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `${this.source}: ${this.key} ${this.detail}`
  }
}

/** Why a configuration was refused; nothing of it took effect. */
export class PicConfigError extends Schema.TaggedError<PicConfigError>()("PicConfigError", {
  reason: Schema.Union([InvalidSetting, UnknownSetting, UnreadableFile, LockedSetting])
}) {
  override get message() {
    return this.reason.message
  }
}

/** Keys that may change while running; the change applies to the next call. */
export interface RuntimeChange {
  readonly fail_mode?: Settings["cellagent"]["fail_mode"] | undefined
  readonly rollout?: Partial<Settings["rollout"]> | undefined
  readonly sampling_rate?: number | undefined
  readonly global_rate_limit?: number | undefined
  readonly per_function_limit?: number | undefined
}

/** The effective settings, decoded and validated once, and the few that can change while running. */
export class PicConfig extends Context.Service<PicConfig, {
  /** The settings now in force: a field read, for the per-call path. */
  readonly settingsUnsafe: () => Settings
  readonly settings: Effect.Effect<Settings>
  /** Where each value came from, by dotted key: `default`, a file name, `environment PIC_…`, `code` or `runtime`. */
  readonly origins: Effect.Effect<ReadonlyMap<string, string>>
  /**
   * Validates and applies a change, for the next call on. Fails without effect on a locked key or a wrong value. `origin`
   * says of each changed key where its value came from; `runtime` by default.
   */
  readonly change: (change: RuntimeChange, origin?: (key: string) => string) => Effect.Effect<Settings, PicConfigError>
  /** The settings after each change. */
  readonly changes: Stream.Stream<Settings>
}>()("effect-pic/services/PicConfig") {}
