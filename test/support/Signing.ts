import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { SettingsInput } from "../../src/domain/settings/Settings.ts"
import * as PicClock from "../../src/layers/agent/PicClock.ts"
import * as SecureTransport from "../../src/layers/agent/SecureTransport.ts"
import * as ReplayGuard from "../../src/layers/brain/ReplayGuard.ts"
import * as SecurityValidator from "../../src/layers/brain/SecurityValidator.ts"
import * as PicConfig from "../../src/layers/config/PicConfig.ts"
import * as CryptoCore from "../../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../src/layers/crypto/KeyManager.ts"
import { Alerts } from "../../src/services/Alerts.ts"
import { PicHealth } from "../../src/services/PicHealth.ts"

/** A moment in 2024, in epoch ms, at which manual clocks start. */
export const epochMs = 1_732_287_600_000

export const layerConfig = (settings: SettingsInput = {}) => Layer.orDie(PicConfig.layerSettings(settings))

/** What was reported while a test ran. */
export interface Reports {
  readonly alerts: Array<string>
  readonly conditions: Map<string, string>
}

/** Alerts and health that only remember. */
export const makeReports = (): { readonly reports: Reports; readonly layer: Layer.Layer<Alerts | PicHealth> } => {
  const reports: Reports = { alerts: [], conditions: new Map() }
  const layer = Layer.mergeAll(
    Layer.succeed(Alerts, {
      raiseUnsafe: (kind, message) => void reports.alerts.push(`${kind}: ${message}`),
      stream: Stream.empty
    }),
    Layer.mock(PicHealth)({
      reportUnsafe: (name, severity, reason) => void reports.conditions.set(name, `${severity}: ${reason}`),
      clearUnsafe: (name) => void reports.conditions.delete(name)
    })
  )
  return { reports, layer }
}

/** Primitives, settings and a clock that is set by hand. */
export const makeBase = (settings: SettingsInput = {}) => {
  const clock = PicClock.makeManual(epochMs)
  return { clock, layer: Layer.mergeAll(CryptoCore.layer, layerConfig(settings), clock.layer) }
}

/** Both ends of an embedded link over one keyset, on a manual clock. */
export const makeLink = (settings: SettingsInput = {}) => {
  const base = makeBase(settings)
  const layer = Layer.mergeAll(SecureTransport.layer, SecurityValidator.layer).pipe(
    Layer.provideMerge(Layer.mergeAll(KeyManager.layerMemory, ReplayGuard.layerMemory)),
    Layer.provideMerge(base.layer)
  )
  return { clock: base.clock, layer }
}
