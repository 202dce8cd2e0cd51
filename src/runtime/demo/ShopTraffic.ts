import type { Attack, Field, Kind, Pool } from "./DemoData.ts"

/** A call of the shop, as a client makes it. */
export type ShopCall =
  | { readonly operation: "search"; readonly query: string; readonly page: number }
  | { readonly operation: "login"; readonly user: string; readonly password: string }
  | { readonly operation: "profile"; readonly email: string }
  | { readonly operation: "order"; readonly customer: string; readonly address: string; readonly postal: string }
  | { readonly operation: "transfer"; readonly from: string; readonly to: string; readonly cents: number }

/** The operations of the shop. */
export type Operation = ShopCall["operation"]

/** A call, whose visit it belongs to, and what it is: a label for the report that is never sent. */
export interface ShopRequest {
  readonly call: ShopCall
  readonly session: string
  readonly kind: Kind
}

/** The calls of one visitor, in order. */
export type Visit = ReadonlyArray<ShopRequest>

/**
 * Uniform numbers in [0, 1) that repeat for a seed, so that every run meets the same traffic. A Weyl sequence through
 * the finaliser of MurmurHash3 (Austin Appleby); nothing here needs to be unpredictable.
 */
export const seeded = (seed: number): () => number => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e37_79b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000
  }
}

/** Shares of visitors that do each of these; chosen so that no kind of value runs out before the others. */
const shares = { login: 0.85, profile: 0.85, order: 0.68, transfer: 0.37 }
const searchesMax = 4
const pages = 5

/** Hands out the values of a pool, each once. */
const dispenser = (pool: Pool) => {
  const next = new Map<Field, number>()
  return (field: Field): string | undefined => {
    const at = next.get(field) ?? 0
    next.set(field, at + 1)
    return pool[field][at]
  }
}

/** A pool as visits: log in, search, look at the profile, order and pay, or some of it. Ends when passwords run out. */
export const visitsOf = (pool: Pool, name: string, seed: number): ReadonlyArray<Visit> => {
  const random = seeded(seed)
  const take = dispenser(pool)
  const visits: Array<Visit> = []
  for (;;) {
    const calls: Array<ShopCall> = []
    if (random() < shares.login) {
      const [user, password] = [take("word"), take("password")]
      if (user === undefined || password === undefined) return visits
      calls.push({ operation: "login", user, password })
    }
    for (let left = 1 + Math.floor(random() * searchesMax); left > 0; left--) {
      const query = random() < 0.5 ? take("phrase") ?? take("word") : take("word") ?? take("phrase")
      if (query !== undefined) calls.push({ operation: "search", query, page: 1 + Math.floor(random() ** 2 * pages) })
    }
    const email = random() < shares.profile ? take("email") : undefined
    if (email !== undefined) calls.push({ operation: "profile", email })
    if (random() < shares.order) {
      const [customer, address, postal] = [take("customer"), take("address"), take("postal")]
      if (customer !== undefined && address !== undefined && postal !== undefined) {
        calls.push({ operation: "order", customer, address, postal })
      }
    }
    if (random() < shares.transfer) {
      const [from, to, amount] = [take("card"), take("card"), take("amount")]
      if (from !== undefined && to !== undefined && amount !== undefined) {
        calls.push({ operation: "transfer", from, to, cents: Number(amount) })
      }
    }
    const session = `${name}-${visits.length}`
    visits.push(calls.map((call) => ({ call, session, kind: "norm" })))
  }
}

/** How many calls the visits make. */
export const callsIn = (visits: ReadonlyArray<Visit>): number => visits.reduce((sum, visit) => sum + visit.length, 0)

/** The call with one of its text parameters, chosen by `pick`, replaced. */
const inject = (call: ShopCall, value: string, pick: number): ShopCall => {
  switch (call.operation) {
    case "search":
      return { ...call, query: value }
    case "login":
      return pick < 0.5 ? { ...call, user: value } : { ...call, password: value }
    case "profile":
      return { ...call, email: value }
    case "order":
      return pick < 1 / 3
        ? { ...call, customer: value }
        : pick < 2 / 3
        ? { ...call, address: value }
        : { ...call, postal: value }
    case "transfer":
      return pick < 0.5 ? { ...call, from: value } : { ...call, to: value }
  }
}

/**
 * The visits with attacks spread evenly over their calls, at most one for each. An attack replaces one parameter of a
 * call that a visitor would make anyway, so that nothing but the value gives it away.
 */
export const withAttacks = (
  visits: ReadonlyArray<Visit>,
  attacks: ReadonlyArray<Attack>,
  seed: number
): ReadonlyArray<Visit> => {
  const random = seeded(seed)
  const share = Math.min(1, attacks.length / callsIn(visits))
  let offered = 0
  let placed = 0
  return visits.map((visit) =>
    visit.map((request): ShopRequest => {
      const attack = attacks[placed]
      if (attack === undefined || placed >= ++offered * share) return request
      placed++
      return { ...request, call: inject(request.call, attack.value, random()), kind: attack.kind }
    })
  )
}

/** The same visits by other visitors. */
export const revisited = (visits: ReadonlyArray<Visit>, name: string): ReadonlyArray<Visit> =>
  visits.map((visit, index) => visit.map((request) => ({ ...request, session: `${name}-${index}` })))

/** Two groups of visitors who arrive mixed evenly. */
export const mixed = (some: ReadonlyArray<Visit>, others: ReadonlyArray<Visit>): ReadonlyArray<Visit> => {
  const all = [
    ...some.map((visit, at) => ({ visit, at: (at + 0.5) / some.length })),
    ...others.map((visit, at) => ({
      visit,
      at: (at + 0.5) / others.length
    }))
  ]
  return all.toSorted((a, b) => a.at - b.at).map(({ visit }) => visit)
}
