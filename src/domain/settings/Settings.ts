import * as Schema from "effect/Schema"
import { FailMode } from "../FailureClass.ts"

/** Longest wait that can be configured, in milliseconds: beyond an hour a unit mistake is likelier than an intention. */
export const durationMsMax = 3_600_000
/** Most threads that can be configured: a guard against a slipped digit, far above any machine of today. */
export const threadsMax = 1_024
/** Most retries of one event: with exponential backoff, more would outlive every deadline. */
export const retriesMax = 100

// Every `expected` text completes the sentence "<key> is <value>, expected ...": it is what an operator reads.
const positive = Schema.Finite.check(Schema.isGreaterThan(0)).annotate({ expected: "a number above 0" })
const positiveInt = Schema.Int.check(Schema.isGreaterThan(0)).annotate({ expected: "a whole number above 0" })
const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ expected: "a whole number, 0 or above" })
const fraction = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })).annotate({
  expected: "a number from 0 to 1"
})
const openFraction = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMinimum: true })).annotate(
  {
    expected: "a number above 0 and at most 1"
  }
)
const percent = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100 })).annotate({
  expected: "a number from 0 to 100"
})
const notNegative = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ expected: "a number, 0 or above" })
const milliseconds = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: durationMsMax, exclusiveMinimum: true })
).annotate({ expected: `a number of milliseconds above 0 and at most ${durationMsMax}` })
const threads = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: threadsMax })).annotate({
  expected: `a whole number from 1 to ${threadsMax}`
})
const path = Schema.String.check(Schema.isPattern(/^[^\0]*$/), Schema.isMaxLength(4_096)).annotate({
  expected: "a path of at most 4096 characters"
})

/** Settings of the agent. Limits are events per second, `*_ms` milliseconds. Keys are spelled as in `cellagent.yaml`. */
export const CellAgentSettings = Schema.Struct({
  enabled: Schema.Boolean,
  agent_id: Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{1,64}$/)).annotate({
    expected: "a name of 1 to 64 printable ASCII characters without spaces"
  }),
  fail_mode: FailMode,
  fail_open_budget: Schema.Union([Schema.Literal("off"), positiveInt]).annotate({
    expected: "off, or a whole number of calls a minute above 0"
  }),
  brain_timeout_ms: milliseconds,
  deadline_ms: milliseconds,
  retry_attempts: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: retriesMax })).annotate({
    expected: `a whole number from 0 to ${retriesMax}`
  }),
  retry_backoff_ms: milliseconds,
  global_rate_limit: positive,
  per_function_limit: positive,
  burst: Schema.Union([Schema.Literal("limit"), positiveInt]).annotate({
    expected: "limit (the same number as the limit), or a whole number above 0"
  }),
  over_limit: Schema.Literals(["score", "allow", "block"]),
  throttle_threshold: openFraction,
  sampling_rate: fraction,
  rate_window_seconds: positive,
  buffer_bytes: count,
  buffer_age_seconds: positive
})

/** Settings of the brain. */
export const BrainSettings = Schema.Struct({
  queue_size: positiveInt,
  queue_bytes: positiveInt,
  backpressure_threshold: openFraction,
  drop_policy: Schema.Literals(["oldest", "lowest_priority"]),
  worker_threads: threads,
  max_worker_threads: threads,
  false_positive_rate: Schema.Finite.check(Schema.isBetween({ minimum: 0.00001, maximum: 0.1 })).annotate({
    expected: "a number from 0.00001 to 0.1"
  }),
  min_samples: positiveInt,
  min_seconds: notNegative,
  min_sessions: count,
  cache_ttl_ms: notNegative,
  functions_max: positiveInt
})

/** Settings of keys and signatures. `keyset_path` empty: `keyset.json` in the storage directory. */
export const CryptoSettings = Schema.Struct({
  rotation_days: positive,
  nonce_expiry_seconds: positive,
  signature_algorithm: Schema.Literal("HMAC-SHA256").annotate({ expected: "HMAC-SHA256, the only algorithm there is" }),
  keyset_path: path
})

/** Settings of the rollout: observe only, or enforce for a percentage of subjects. */
export const RolloutSettings = Schema.Struct({
  mode: Schema.Literals(["observe", "enforce"]),
  percent
})

/** Where state lives. `memory` keeps nothing over a restart. */
export const StorageSettings = Schema.Struct({
  directory: path.check(Schema.isMinLength(1)).annotate({ expected: "the path of a directory, or memory" })
})

/** Settings of the evidence. `head_path` empty: inside the storage directory. */
export const AuditSettings = Schema.Struct({
  head_path: path,
  allows: Schema.Literals(["summary", "every"]),
  wait_ms: milliseconds,
  on_failure: Schema.Literals(["block", "allow"]),
  retention_days: Schema.Union([Schema.Literal("off"), positiveInt]).annotate({
    expected: "off, or a whole number of days above 0"
  })
})

/** Our own share of the machine. `cpu_share` is a fraction of one core; `cpu_cap` "off" only warns. */
export const LimitsSettings = Schema.Struct({
  memory_mb: positive,
  cpu_share: openFraction,
  cpu_cap: Schema.Union([Schema.Literal("off"), openFraction]).annotate({
    expected: "off, or a number above 0 and at most 1"
  })
})

/** Everything that can be configured, in the sections of the configuration files. */
export const Settings = Schema.Struct({
  cellagent: CellAgentSettings,
  brain: BrainSettings,
  crypto: CryptoSettings,
  rollout: RolloutSettings,
  storage: StorageSettings,
  audit: AuditSettings,
  limits: LimitsSettings
})
export type Settings = typeof Settings.Type

/** A section by section selection of settings, as code passes it. */
export type SettingsInput = {
  readonly [S in keyof Settings]?: { readonly [K in keyof Settings[S]]?: Settings[S][K] | undefined } | undefined
}

/** The defaults: those of the specification, observe first, fail open. */
export const defaults: Settings = {
  cellagent: {
    enabled: true,
    agent_id: "agent",
    fail_mode: "open",
    fail_open_budget: "off",
    brain_timeout_ms: 10,
    deadline_ms: 50,
    retry_attempts: 3,
    retry_backoff_ms: 100,
    global_rate_limit: 10_000,
    per_function_limit: 1_000,
    burst: "limit",
    over_limit: "score",
    throttle_threshold: 0.8,
    sampling_rate: 1,
    rate_window_seconds: 1,
    buffer_bytes: 48 * 1024 * 1024,
    buffer_age_seconds: 7_200
  },
  brain: {
    queue_size: 100_000,
    queue_bytes: 32 * 1024 * 1024,
    backpressure_threshold: 0.8,
    drop_policy: "oldest",
    worker_threads: 4,
    max_worker_threads: 16,
    false_positive_rate: 0.001,
    min_samples: 100,
    // A burst of one client within the first seconds of a deployment must not become the baseline.
    min_seconds: 10,
    // One session is the whole world of many services, so distinct sessions are asked for only where configured.
    min_sessions: 0,
    // Off: the order and rate models want to see every call.
    cache_ttl_ms: 0,
    functions_max: 10_000
  },
  crypto: { rotation_days: 90, nonce_expiry_seconds: 300, signature_algorithm: "HMAC-SHA256", keyset_path: "" },
  rollout: { mode: "observe", percent: 100 },
  storage: { directory: ".pic" },
  audit: { head_path: "", allows: "summary", wait_ms: 50, on_failure: "block", retention_days: "off" },
  limits: { memory_mb: 100, cpu_share: 0.05, cpu_cap: "off" }
}
