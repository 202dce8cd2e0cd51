import { assert, describe, it } from "@effect/vitest"
import * as CryptoCore from "../../../src/layers/crypto/CryptoCore.ts"
import * as HmacSha256 from "../../../src/layers/crypto/HmacSha256.ts"
import * as SeededCrypto from "../../../src/layers/testing/SeededCrypto.ts"
import { MacKey } from "../../../src/domain/keys/MacKey.ts"
import { suite } from "../../contract/CryptoCore.ts"

suite("prepared pads", CryptoCore.layer)
suite("reference", CryptoCore.layerReference)
suite("seeded", SeededCrypto.layer(1))

describe("HmacSha256", () => {
  const forms: ReadonlyArray<readonly [string, HmacSha256.Hmac]> = [
    ["prepared pads", HmacSha256.makePreparedPad()],
    ["reference", HmacSha256.reference]
  ]
  for (const [name, hmac] of forms) {
    for (const [i, vector] of HmacSha256.rfc4231.entries()) {
      it(`${name}: RFC 4231 vector ${i}`, () => {
        const key = HmacSha256.makeKey("k", "p", Buffer.from(vector.key, "hex"))
        const mac = Buffer.from(hmac(key, Buffer.from(vector.data, "hex")), "latin1").toString("hex")
        assert.strictEqual(mac, vector.mac)
      })
    }
  }

  it("passes its own check, and the check finds a wrong result at any length", () => {
    const good = HmacSha256.makePreparedPad()
    assert.isTrue(HmacSha256.selfCheck(good))
    assert.isFalse(HmacSha256.selfCheck((key, data) => data.length === 65 ? "x".repeat(32) : good(key, data)))
    assert.isFalse(HmacSha256.selfCheck((key, data) => good(key, data.subarray(0, 100))))
  })

  it("keeps the key when the caller erases its bytes, and refuses a foreign key", () => {
    const secret = Buffer.alloc(32, 9)
    const key = HmacSha256.makeKey("k", "p", secret)
    const before = HmacSha256.makePreparedPad()(key, Buffer.from("data"))
    secret.fill(0)
    assert.strictEqual(HmacSha256.makePreparedPad()(key, Buffer.from("data")), before)
    assert.strictEqual(HmacSha256.reference(key, Buffer.from("data")), before)
    assert.throws(() => HmacSha256.reference(new MacKey("k", "p", secret), Buffer.from("data")), TypeError)
  })
})
