import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Crypto from "node:crypto"
import { DatabaseSync } from "node:sqlite"
import type { Product } from "./ShopApi.ts"

/** What the shop does, over its database. `executed` counts the operations that really ran. */
export class Shop extends Context.Service<Shop, {
  readonly search: (query: string, page: number) => Effect.Effect<ReadonlyArray<Product>>
  readonly login: (user: string, password: string) => Effect.Effect<{ readonly known: boolean }>
  readonly profile: (email: string) => Effect.Effect<{ readonly orders: number }>
  readonly order: (customer: string, address: string, postal: string) => Effect.Effect<{ readonly order: number }>
  readonly transfer: (from: string, to: string, cents: number) => Effect.Effect<{ readonly balance: number }>
  readonly executed: Effect.Effect<number>
}>()("effect-pic/runtime/demo/Shop") {}

const schema = `
  CREATE TABLE product (id INTEGER PRIMARY KEY, title TEXT NOT NULL, cents INTEGER NOT NULL);
  CREATE TABLE visitor (name TEXT PRIMARY KEY, digest BLOB NOT NULL);
  CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, address TEXT NOT NULL, postal TEXT NOT NULL);
  CREATE INDEX purchase_customer ON purchase (customer);
  CREATE TABLE account (card TEXT PRIMARY KEY, balance INTEGER NOT NULL);
`
const products = [
  "garden chair",
  "reading lamp",
  "blue shoes",
  "olive oil",
  "steel bottle",
  "wool blanket",
  "chess set"
]
const variants = 30
const pageSize = 10

const open = (): DatabaseSync => {
  const db = new DatabaseSync(":memory:")
  db.exec(schema)
  const insert = db.prepare("INSERT INTO product (title, cents) VALUES (?, ?)")
  for (let variant = 0; variant < variants; variant++) {
    for (const [index, title] of products.entries()) {
      insert.run(`${title} no. ${variant}`, 500 + index * 350 + variant * 20)
    }
  }
  return db
}

const make = Effect.gen(function*() {
  const db = yield* Effect.acquireRelease(Effect.sync(open), (db) => Effect.sync(() => db.close()))
  const find = db.prepare("SELECT id, title, cents FROM product WHERE instr(title, ?) > 0 ORDER BY id LIMIT ? OFFSET ?")
  const known = db.prepare("SELECT digest FROM visitor WHERE name = ?")
  const register = db.prepare("INSERT OR REPLACE INTO visitor (name, digest) VALUES (?, ?)")
  const orders = db.prepare("SELECT count(*) AS n FROM purchase WHERE customer = ?")
  const place = db.prepare("INSERT INTO purchase (customer, address, postal) VALUES (?, ?, ?)")
  const move = db.prepare(
    "INSERT INTO account (card, balance) VALUES (?, ?) ON CONFLICT (card) DO UPDATE SET balance = balance + excluded.balance"
  )
  const balance = db.prepare("SELECT balance FROM account WHERE card = ?")
  let executed = 0
  const operation = <A>(run: () => A) =>
    Effect.sync(() => {
      executed++
      return run()
    })
  return Shop.of({
    search: (query, page) =>
      operation(() =>
        find.all(query, pageSize, Math.max(0, page - 1) * pageSize).map((row) => ({
          id: Number(row.id),
          title: String(row.title),
          cents: Number(row.cents)
        }))
      ),
    login: (user, password) =>
      operation(() => {
        const digest = Crypto.createHash("sha256").update(password).digest()
        const row = known.get(user)
        if (row === undefined) register.run(user, digest)
        return { known: row?.digest instanceof Uint8Array && Crypto.timingSafeEqual(row.digest, digest) }
      }),
    profile: (email) => operation(() => ({ orders: Number(orders.get(email)?.n ?? 0) })),
    order: (customer, address, postal) =>
      operation(() => ({ order: Number(place.run(customer, address, postal).lastInsertRowid) })),
    transfer: (from, to, cents) =>
      operation(() => {
        db.exec("BEGIN")
        move.run(from, -cents)
        move.run(to, cents)
        db.exec("COMMIT")
        return { balance: Number(balance.get(to)?.balance ?? 0) }
      }),
    executed: Effect.sync(() => executed)
  })
})

/** The shop over a database in memory, which goes with it. */
export const layer: Layer.Layer<Shop> = Layer.effect(Shop, make)
