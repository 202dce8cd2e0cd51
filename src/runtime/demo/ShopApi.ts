import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"

/** The call was blocked: what a client may know about it. The explanation stays with the operator, under the id. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  decisionId: Schema.String
}, { httpApiStatus: 403 }) {}

/** No verdict could be had and the call fails closed. */
export class Unprotected extends Schema.TaggedError<Unprotected>()("Unprotected", {
  decisionId: Schema.String
}, { httpApiStatus: 503 }) {}

/** A product that a search found. */
export const Product = Schema.Struct({ id: Schema.Int, title: Schema.String, cents: Schema.Int })
export type Product = typeof Product.Type

/** Whose visit a request belongs to. */
const visitor = { "x-session": Schema.NonEmptyString }
const refusals = [Forbidden, Unprotected] as const

/** The HTTP interface of the demo's shop. */
export class ShopApi extends HttpApi.make("shop").add(
  HttpApiGroup.make("shop").add(
    HttpApiEndpoint.get("search", "/search", {
      headers: visitor,
      query: { q: Schema.String, page: Schema.FiniteFromString },
      success: Schema.Array(Product),
      error: refusals
    }),
    HttpApiEndpoint.post("login", "/login", {
      headers: visitor,
      payload: Schema.Struct({ user: Schema.String, password: Schema.String }),
      success: Schema.Struct({ known: Schema.Boolean }),
      error: refusals
    }),
    HttpApiEndpoint.get("profile", "/profile", {
      headers: visitor,
      query: { email: Schema.String },
      success: Schema.Struct({ orders: Schema.Int }),
      error: refusals
    }),
    HttpApiEndpoint.post("order", "/order", {
      headers: visitor,
      payload: Schema.Struct({ customer: Schema.String, address: Schema.String, postal: Schema.String }),
      success: Schema.Struct({ order: Schema.Int }),
      error: refusals
    }),
    HttpApiEndpoint.post("transfer", "/transfer", {
      headers: visitor,
      payload: Schema.Struct({ from: Schema.String, to: Schema.String, cents: Schema.Int }),
      success: Schema.Struct({ balance: Schema.Int }),
      error: refusals
    })
  )
) {}
