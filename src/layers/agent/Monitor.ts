import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CellAgent } from "../../services/CellAgent.ts"
import { Monitor } from "../../services/Monitor.ts"

/** Layer that judges calls by the agent of this process. */
export const layer: Layer.Layer<Monitor, never, CellAgent> = Layer.effect(
  Monitor,
  Effect.map(CellAgent, (agent) =>
    Monitor.of({
      enabledUnsafe: agent.enabledUnsafe,
      judgeUnsafe: agent.judgeUnsafe,
      judgeNowUnsafe: agent.judgeNowUnsafe,
      reportUnsafe: agent.reportUnsafe,
      decisions: agent.decisions
    }))
)
