import * as Schema from "effect/Schema"

/** The check that a command makes failed: exit code 1. */
export class CheckFailed extends Schema.TaggedError<CheckFailed>()("CheckFailed", { message: Schema.String }) {}

/** Wrong usage, bad configuration or unreadable input: exit code 2. */
export class BadInput extends Schema.TaggedError<BadInput>()("BadInput", { message: Schema.String }) {}

/** What a command may fail with. `CheckFailed` with an empty message has already said everything. */
export type CliFailure = CheckFailed | BadInput

/** Exit codes of every command. */
export const exitCodes = { fine: 0, checkFailed: 1, badInput: 2 } as const
