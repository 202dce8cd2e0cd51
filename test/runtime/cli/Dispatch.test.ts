import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, References } from "effect"
import * as Fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as Path from "node:path"
import * as PicClock from "../../../src/layers/agent/PicClock.ts"
import * as Config from "../../../src/layers/config/PicConfig.ts"
import * as CryptoCore from "../../../src/layers/crypto/CryptoCore.ts"
import * as KeyManager from "../../../src/layers/crypto/KeyManager.ts"
import * as Embedded from "../../../src/layers/Embedded.ts"
import * as AuditStoreLayer from "../../../src/layers/store/AuditStore.ts"
import * as Pic from "../../../src/runtime/Pic.ts"
import { AuditStore } from "../../../src/services/AuditStore.ts"
import { pic, temporary } from "../../support/Cli.ts"

/** The one object that `--json` prints. */
const object = (out: string): Record<string, unknown> => {
  assert.strictEqual(out.split("\n").length, 2, "one line and nothing else")
  return JSON.parse(out)
}

/** A storage directory with keys and a small log. */
const withLog = Effect.gen(function*() {
  const directory = yield* temporary
  const append = Effect.flatMap(AuditStore, (store) =>
    store.append([
      { time: 1_732_287_600_000, kind: "start", body: Buffer.from("{\"pid\":1}") },
      {
        time: 1_732_287_601_000,
        kind: "block",
        body: Buffer.from("{\"fn\":\"=cmd()\",\"reason\":\"\\u001b[31mred\"}")
      },
      { time: 1_732_287_602_000, kind: "block", body: Buffer.from("{\"fn\":\"payments.transfer\"}") },
      { time: 1_732_287_603_000, kind: "stop", body: Buffer.from("{\"pid\":1}") }
    ]))
  yield* append.pipe(Effect.provide(
    AuditStoreLayer.layerSqliteAt(directory, "").pipe(
      Layer.provideMerge(KeyManager.layerFile),
      Layer.provideMerge(Embedded.observability),
      Layer.provideMerge(
        Layer.mergeAll(Config.layerSettings({ storage: { directory } }), PicClock.layer, CryptoCore.layer)
      )
    )
  ))
  return directory
})

describe("pic", () => {
  it.live("prints help on stdout when asked, and beside the results with an error", () =>
    Effect.gen(function*() {
      const help = yield* pic(["--help"])
      assert.strictEqual(help.code, 0)
      for (const name of ["audit", "config", "demo", "doctor", "keys", "mode", "rollout", "status"]) {
        assert.include(help.out, name)
      }
      const missing = yield* pic(["config"])
      assert.deepInclude(missing, { code: 2, out: "" })
      const unknown = yield* pic(["confg"])
      assert.deepInclude(unknown, { code: 2, out: "" })
      assert.include(unknown.err, "config")
    }))

  it.live("maps wrong usage to 2, and with --json prints one object all the same", () =>
    Effect.gen(function*() {
      for (
        const args of [
          ["config", "check", "--no-such-flag"],
          ["mode", "set", "ajar"],
          ["rollout", "set", "--percent", "101"],
          ["rollout", "set"],
          ["keys", "revoke"],
          ["audit", "tail", "--since", "yesterday"],
          ["rollout", "set", "--mode", "observe", "--for", "2d"]
        ]
      ) {
        const plain = yield* pic(args)
        assert.deepInclude(plain, { code: 2, out: "" }, args.join(" "))
        const asJson = yield* pic([...args, "--json"])
        assert.strictEqual(asJson.code, 2)
        assert.strictEqual(object(asJson.out)["ok"], false)
      }
    }))

  it.live("escapes what it prints, whatever was typed", () =>
    Effect.gen(function*() {
      const hostile = "\u001b]0;owned\u0007"
      for (const args of [[hostile], ["config", "check", "-c", hostile], ["keys", "revoke", hostile, "--json"]]) {
        const { err, out } = yield* pic(args)
        assert.notMatch((out + err).replaceAll("\n", ""), /\p{Cc}/u)
      }
    }))

  it.live("config check prints every problem and exits with 2", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const file = Path.join(directory, "cellagent.yaml")
      Fs.writeFileSync(file, "cellagent:\n  fail_mode: ajar\n  retry_atempts: 3\n")
      const bad = yield* pic(["config", "check", "-c", file])
      assert.strictEqual(bad.code, 2)
      assert.include(bad.err, "cellagent.fail_mode is \"ajar\", expected open or closed")
      assert.include(bad.err, "did you mean cellagent.retry_attempts?")
      const asJson = yield* pic(["config", "check", "-c", file, "--json"])
      assert.strictEqual((object(asJson.out)["problems"] as ReadonlyArray<unknown>).length, 2)
      Fs.writeFileSync(file, "cellagent:\n  fail_mode: closed\n")
      assert.deepInclude(yield* pic(["config", "check", "-c", file]), { code: 0, err: "" })
    }))

  it.live("config show tells every value and its origin", () =>
    Effect.gen(function*() {
      const shown = yield* pic(["config", "show", "--json"], { env: { PIC_CELLAGENT_FAIL_MODE: "closed" } })
      const { origins, settings } = object(shown.out) as Record<string, Record<string, unknown>>
      assert.strictEqual(origins!["cellagent.fail_mode"], "environment PIC_CELLAGENT_FAIL_MODE")
      assert.nestedPropertyVal(settings, "cellagent.fail_mode", "closed")
      assert.match((yield* pic(["config", "show"])).out, /cellagent\.fail_mode +open +default/)
    }))

  it.live("keys: makes, lists, rotates and revokes, and never prints a secret", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const storage = ["--storage", directory]
      assert.deepInclude(yield* pic(["keys", "list", ...storage]), { code: 2, out: "" })
      assert.isFalse(Fs.existsSync(Path.join(directory, "keyset.json")))
      assert.strictEqual((yield* pic(["keys", "init", ...storage])).code, 0)
      assert.strictEqual((yield* pic(["keys", "init", ...storage])).code, 1)
      const listed = object((yield* pic(["keys", "list", "--json", ...storage])).out)
      const keys = listed["keys"] as ReadonlyArray<{ readonly id: string; readonly state: string }>
      assert.deepStrictEqual(keys.map((key) => key.state).toSorted(), ["primary", "staged"])
      const rotated = yield* pic(["keys", "rotate", ...storage])
      assert.include(rotated.out, "retiring")
      const first = keys.find((key) => key.state === "primary")!.id
      const revoked = yield* pic(["keys", "revoke", first, "--json", ...storage])
      assert.strictEqual(revoked.code, 0)
      assert.strictEqual((yield* pic(["keys", "revoke", "nope", ...storage])).code, 1)
      const file: unknown = JSON.parse(Fs.readFileSync(Path.join(directory, "keyset.json"), "utf8"))
      const secrets = JSON.stringify(file).match(/[A-Za-z0-9_+/-]{40,}/g) ?? []
      const publicKey = String(listed["checkpointPublicKey"])
      for (const secret of secrets.filter((one) => one !== publicKey)) {
        assert.notInclude(rotated.out + revoked.out, secret)
      }
    }))

  it.live("audit: verifies, prints, exports and proves a sound log", () =>
    Effect.gen(function*() {
      const storage = ["--storage", yield* withLog]
      const verified = yield* pic(["audit", "verify", "--json", ...storage])
      assert.strictEqual(verified.code, 0)
      assert.deepInclude(object(verified.out), { ok: true, records: 4, headSeq: 4 })
      const tail = yield* pic(["audit", "tail", "--once", "-n", "2", "--kind", "block", ...storage])
      assert.deepStrictEqual(tail.out.trimEnd().split("\n").map((line) => line.split("  ")[0]), ["2", "3"])
      const exported = yield* pic(["audit", "export", "--kind", "block", ...storage])
      assert.deepStrictEqual(exported.out.trimEnd().split("\n").map((line): unknown => JSON.parse(line).seq), [2, 3])
      assert.include(exported.err, "2 of 4 records exported; the log has 4, its head covers 4")
      const csv = yield* pic(["audit", "export", "--format", "csv", "--fn", "=cmd()", ...storage])
      assert.include(csv.out, "\"'=cmd()\"")
      const since = yield* pic(["audit", "tail", "--json", "--since", "2024-11-22T15:00:02Z", ...storage])
      assert.deepStrictEqual(
        (object(since.out)["records"] as ReadonlyArray<{ readonly seq: number }>).map(({ seq }) => seq),
        [3, 4]
      )
      const proof = yield* pic(["audit", "prove", "3", "--json", ...storage])
      assert.deepInclude(object(proof.out), { position: 2, size: 4 })
      assert.strictEqual((yield* pic(["audit", "prove", "5", ...storage])).code, 1)
    }))

  it.live("audit export writes a new private file and never over another", () =>
    Effect.gen(function*() {
      const directory = yield* withLog
      const out = Path.join(directory, "export.ndjson")
      const args = ["audit", "export", "--out", out, "--json", "--storage", directory]
      const first = yield* pic(args)
      assert.deepStrictEqual(object(first.out), { exported: 4, scanned: 4, total: 4, headSeq: 4, complete: true })
      assert.strictEqual(Fs.statSync(out).mode & 0o777, 0o600)
      const second = yield* pic(args)
      assert.strictEqual(second.code, 2)
      assert.include(second.err, "exists already")
      assert.strictEqual((yield* pic(["audit", "export", "--json", "--storage", directory])).code, 2)
    }))

  it.live("audit verify exits with 1 and names the damage when a record was edited or cut off", () =>
    Effect.gen(function*() {
      for (
        const [damage, sql] of [["bad_hash", "UPDATE record SET time = time + 1 WHERE seq = 2"], [
          "truncated",
          "DELETE FROM record WHERE seq = 4"
        ]]
      ) {
        const directory = yield* withLog
        const db = new DatabaseSync(Path.join(directory, "audit.db"))
        for (const { name } of db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all()) {
          db.exec(`DROP TRIGGER ${String(name)}`)
        }
        db.exec(sql!)
        db.close()
        const report = yield* pic(["audit", "verify", "--json", "--storage", directory])
        assert.strictEqual(report.code, 1)
        assert.deepInclude(object(report.out), { ok: false, damage })
      }
    }))

  it.live("keys that rotate without a running process are on record", () =>
    Effect.gen(function*() {
      const storage = ["--storage", yield* withLog]
      assert.deepInclude(yield* pic(["keys", "rotate", ...storage]), { code: 0, err: "" })
      const tail = yield* pic(["audit", "tail", "--json", "--kind", "key", ...storage])
      const records = object(tail.out)["records"] as ReadonlyArray<{ readonly body: unknown }>
      assert.deepStrictEqual(records.map(({ body }) => body), [{ event: "rotated", by: "pic keys" }])
      assert.strictEqual((yield* pic(["audit", "verify", ...storage])).code, 0)
    }))

  it.live("audit says what is missing: log, keys, or both", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const none = yield* pic(["audit", "verify", "--storage", directory])
      assert.deepInclude(none, { code: 2, out: "" })
      assert.include(none.err, "there is no audit log")
      const withoutKeys = yield* withLog
      Fs.rmSync(Path.join(withoutKeys, "keyset.json"))
      const unverifiable = yield* pic(["audit", "verify", "--storage", withoutKeys])
      assert.strictEqual(unverifiable.code, 2)
      assert.include(unverifiable.err, "there is no keyset")
      assert.isFalse(Fs.existsSync(Path.join(withoutKeys, "keyset.json")))
    }))

  it.live("rollout, mode and status act on the running process; without one they say so", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const storage = ["--storage", directory]
      const alone = yield* pic(["rollout", "status", ...storage])
      assert.strictEqual(alone.code, 1)
      assert.include(alone.err, "no protected process runs")
      yield* Layer.build(Pic.layerWith({ files: [], settings: { storage: { directory }, audit: { wait_ms: 5_000 } } }))
        .pipe(
          Effect.provideService(References.MinimumLogLevel, "None")
        )
      const set = yield* pic(["rollout", "set", "--mode", "enforce", "--percent", "10", ...storage])
      assert.deepInclude(set, { code: 0, err: "" })
      assert.include(set.out, "ENFORCING for 10 % of subjects")
      assert.deepInclude(object((yield* pic(["mode", "set", "closed", "--json", ...storage])).out), {
        failMode: "closed"
      })
      const status = yield* pic(["status", "--json", ...storage])
      assert.strictEqual(status.code, 0)
      assert.nestedPropertyVal(object(status.out), "rollout.percent", 10)
      const doctor = object((yield* pic(["doctor", "--json", ...storage])).out)
      assert.isTrue(doctor["running"])
      assert.deepStrictEqual(doctor["broken"], [])
    }))

  it.live("doctor without a running process leaves the storage directory alone", () =>
    Effect.gen(function*() {
      const directory = Path.join(yield* temporary, "untouched")
      const { code, out } = yield* pic(["doctor", "--json", "--storage", directory])
      const report = object(out)
      assert.isFalse(report["running"])
      assert.deepStrictEqual(report["broken"], [])
      assert.strictEqual(code, 0)
      assert.isFalse(Fs.existsSync(directory))
    }))
})
