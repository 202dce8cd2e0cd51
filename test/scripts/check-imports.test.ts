import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { violationsOf } from "../../scripts/imports/rules.ts"
import { importSites } from "../../scripts/imports/specifiers.ts"

const sources = (files: Record<string, string>) => new Map(Object.entries(files))
const rules = (files: Record<string, string>) =>
  violationsOf(sources(files)).map(({ file, imports, line, rule }) => `${file}:${line} ${imports}: ${rule}`)

const clean = {
  "src/domain/Decision.ts": `import * as Schema from "effect/Schema"\nexport const d = Schema.String`,
  "src/services/Brain.ts":
    `export interface S {\n  readonly breaker: "closed"\n}\nimport type { d } from "../domain/Decision.ts"\nimport * as Context from "effect/Context"`,
  "src/layers/Brain.ts": `import * as Crypto from "node:crypto"\nimport { b } from "../services/Brain.ts"`,
  "src/runtime/Pic.ts": `import { l } from "../layers/Brain.ts"`,
  "src/index.ts": `export * as Pic from "./runtime/Pic.ts"`
}

describe("import rules", () => {
  it("accepts imports that point inwards", () => {
    assert.deepStrictEqual(rules(clean), [])
  })

  const planted: ReadonlyArray<readonly [name: string, file: string, text: string, expected: RegExp]> = [
    [
      "domain -> services",
      "src/domain/A.ts",
      `\nimport { b } from "../services/Brain.ts"`,
      /^src\/domain\/A\.ts:2 src\/services\/Brain\.ts: .*domain must not import services/
    ],
    [
      "a type counts for direction",
      "src/domain/A.ts",
      `import type { b } from "../services/Brain.ts"`,
      /domain must not import services/
    ],
    [
      "services -> layers",
      "src/services/A.ts",
      `import { l } from "../layers/Brain.ts"`,
      /services must not import layers/
    ],
    ["layers -> runtime", "src/layers/A.ts", `export * from "../runtime/Pic.ts"`, /layers must not import runtime/],
    ["runtime -> entry", "src/runtime/A.ts", `import { Pic } from "../index.ts"`, /must not import a package entry/],
    ["domain -> node", "src/domain/A.ts", `import * as Fs from "node:fs"`, /domain must not import node built-ins/],
    [
      "services -> node, dynamic",
      "src/services/A.ts",
      `const f = () => import("node:fs")`,
      /services must not import node/
    ],
    ["domain -> unstable folder", "src/domain/A.ts", `import { x } from "effect/crypto"`, /unstable Effect modules/],
    [
      "domain -> unstable module",
      "src/domain/A.ts",
      `import * as F from "effect/FileSystem"`,
      /unstable Effect modules/
    ],
    ["services implement", "src/services/A.ts", `import * as Layer from "effect/Layer"`, /layers implement them/],
    ["barrel", "src/layers/A.ts", `import { Effect } from "effect"`, /module by module/],
    ["other package", "src/domain/A.ts", `import fc from "fast-check"`, /packages other than effect/],
    ["missing file", "src/layers/A.ts", `import { x } from "./Gone.ts"`, /does not exist/]
  ]
  for (const [name, file, text, expected] of planted) {
    it(`finds ${name}`, () => {
      const found = rules({ ...clean, [file]: text })
      assert.strictEqual(found.length, 1)
      assert.match(found[0] ?? "", expected)
    })
  }

  it("finds a cycle and prints it", () => {
    const found = rules({
      "src/domain/A.ts": `import { b } from "./B.ts"`,
      "src/domain/B.ts": `import { c } from "./C.ts"`,
      "src/domain/C.ts": `import { a } from "./A.ts"`
    })
    assert.deepStrictEqual(found, [
      "src/domain/C.ts:1 src/domain/A.ts: no cycles: src/domain/A.ts -> src/domain/B.ts -> src/domain/C.ts -> src/domain/A.ts"
    ])
  })

  it("allows types to refer to each other", () => {
    assert.deepStrictEqual(
      rules({ "src/domain/A.ts": `import type { b } from "./B.ts"`, "src/domain/B.ts": `import { a } from "./A.ts"` }),
      []
    )
  })
})

describe("importSites", () => {
  it("reads every form, over several lines, and no comment or string", () => {
    const text = [
      `// import x from "commented"`,
      `/* import y from "blocked" */ import "side-effect"`,
      `import {`,
      `  a,`,
      `  type B`,
      `} from "multi"`,
      `export { c } from "re-export"`,
      `export type { D } from 'types'`,
      `export const e = "not an import"`,
      `const f = "// import z from 'string'"`,
      `const g = await import("dynamic")`
    ].join("\n")
    assert.deepStrictEqual(importSites(text).map((site) => [site.line, site.specifier, site.typeOnly]), [
      [2, "side-effect", false],
      [3, "multi", false],
      [7, "re-export", false],
      [8, "types", true],
      [11, "dynamic", false]
    ])
  })
})

it("the command fails on a planted import and passes without it", () => {
  const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "imports-"))
  const script = Path.join(import.meta.dirname, "../../scripts/check-imports.ts")
  const run = () => spawnSync(process.execPath, [script, root], { encoding: "utf8" })
  try {
    for (const [file, text] of Object.entries(clean)) {
      Fs.mkdirSync(Path.join(root, Path.dirname(file)), { recursive: true })
      Fs.writeFileSync(Path.join(root, file), text)
    }
    assert.strictEqual(run().status, 0)
    Fs.writeFileSync(Path.join(root, "src/domain/Planted.ts"), `import { b } from "../services/Brain.ts"`)
    const planted = run()
    assert.strictEqual(planted.status, 1)
    assert.include(planted.stdout, "src/domain/Planted.ts:1 imports src/services/Brain.ts")
    assert.include(planted.stdout, "1 forbidden imports")
  } finally {
    Fs.rmSync(root, { recursive: true, force: true })
  }
})
