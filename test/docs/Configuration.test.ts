import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { defaults } from "../../src/domain/settings/Settings.ts"
import { settings } from "../../src/domain/settings/SettingKeys.ts"
import { valueOf } from "../../src/domain/settings/SettingsDecode.ts"

const page = Fs.readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8")

describe("docs/configuration.md", () => {
  it("has every key with its default and what it accepts", () => {
    for (const { expected, key, name, section } of settings.values()) {
      const part = page.split(`### \`${section}\``)[1]?.split("###")[0] ?? ""
      const cells = part.split("\n").find((line) => line.startsWith(`| \`${name}\``))?.split("|").map((cell) =>
        cell.trim()
      )
      const fallback = String(valueOf(defaults, key))
      assert.deepStrictEqual(cells?.slice(2, 4), [fallback === "" ? "empty" : `\`${fallback}\``, expected], key)
    }
  })
})
