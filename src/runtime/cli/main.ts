#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { dispatch } from "./Dispatch.ts"

/** Exit code after SIGINT or SIGTERM, as shells count it. */
const interrupted = 130

// A reader that has seen enough (`pic audit export | head`) is no failure.
process.stdout.on("error", () => process.exit(0))

NodeRuntime.runMain(
  dispatch(process.argv.slice(2)).pipe(
    Effect.provide(NodeServices.layer),
    Effect.provideService(Logger.LogToStderr, true),
    Effect.provideService(References.MinimumLogLevel, "Warn")
  ),
  {
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? Number(exit.value) : interrupted)
  }
)
