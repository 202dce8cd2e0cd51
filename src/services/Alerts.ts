import * as Context from "effect/Context"
import type * as Stream from "effect/Stream"
import type { Alert, AlertKind } from "../domain/Alert.ts"

/** What an operator should know at once: a stream, a log line and a metric, at a bounded rate per kind. */
export class Alerts extends Context.Service<Alerts, {
  readonly raiseUnsafe: (kind: AlertKind, message: string) => void
  readonly stream: Stream.Stream<Alert>
}>()("effect-pic/services/Alerts") {}
