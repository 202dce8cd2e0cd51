/** Legitimate traffic: guests who sign in, search, book, pay, review and read invoices, several of them at a time. */
import type { Call, Device, Guest, Stay } from "./Guesthouse.ts"
import type { Seeded } from "./Seeded.ts"
import * as Words from "./Words.ts"

/** The most that a stay can cost, in cents: 30 nights in the best suite. Refunds are never higher than the charge. */
export const centsMax = 900_000

const dayMs = 86_400_000
/** Guests who visit at the same time. */
const concurrent = 12

interface Person extends Guest {
  readonly id: string
  readonly device: Device
}

const ascii = (text: string): string =>
  text.normalize("NFKD").replaceAll(/[\u0300-\u036f]/g, "").replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase()

const phone = (random: Seeded): string =>
  random.pick([
    () => `+${random.int(30, 49)} ${random.digits(3)} ${random.digits(7)}`,
    () => `0${random.digits(3)}/${random.digits(6)}`,
    () => `(${random.digits(3)}) ${random.digits(3)}-${random.digits(4)}`,
    () => `+44${random.digits(10)}`
  ])()

const email = (random: Seeded, first: string, last: string): string => {
  const local = random.pick([
    `${first}.${last}`,
    `${first}${last}`,
    `${first.slice(0, 1)}.${last}`,
    `${first}_${last}`,
    `${first}${random.int(1, 99)}`,
    `${last}.${first}+stay`,
    `${first}-${last}${random.int(1950, 2005)}`
  ])
  return `${local}@${random.popular(Words.mailDomains)}`
}

const person = (random: Seeded, number: number): Person => {
  const first = random.popular(Words.firstNames)
  const last = random.popular(Words.lastNames)
  const home = random.popular(Words.cities)
  const middle = random.chance(0.1) ? ` ${String.fromCharCode(65 + random.int(0, 25))}.` : ""
  const double = random.chance(0.07) ? `-${random.popular(Words.lastNames)}` : ""
  return {
    id: `G-${String(100_000 + number)}`,
    name: `${first}${middle} ${last}${double}`,
    email: email(random, ascii(first) || "guest", ascii(last) || "guest"),
    ...(random.chance(0.7) ? { phone: phone(random) } : {}),
    address: {
      street: random.chance(0.75)
        ? `${random.popular(Words.streets)} ${random.int(1, 180)}${
          random.chance(0.12) ? random.pick(["a", "b", "/2"]) : ""
        }`
        : `${random.int(1, 2_400)} ${random.popular(Words.streets)}${
          random.chance(0.3) ? `, Apt. ${random.int(1, 60)}` : ""
        }`,
      city: home.name,
      postcode: home.postcode(random),
      country: home.country
    },
    device: {
      agent: random.popular(Words.userAgents(random)),
      locale: random.popular(Words.locales),
      ip: `${random.int(2, 223)}.${random.int(0, 255)}.${random.int(0, 255)}.${random.int(1, 254)}`
    }
  }
}

const sentence = (random: Seeded, parts: ReadonlyArray<ReadonlyArray<string>>): string => {
  const text = parts.map((part) => random.pick(part)).join(" ")
    .replaceAll("#", () => String(random.int(1, 23)))
  return text + random.pick([".", ".", "!", "", " :-)", " - thanks", "?", "..."])
}

const stay = (random: Seeded, now: number): Stay => {
  const from = now + Math.ceil(random.logNormal(1) * 20) * dayMs
  const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
  return {
    from: date(from),
    to: date(from + random.int(1, random.chance(0.1) ? 21 : 6) * dayMs),
    guests: random.int(1, 6)
  }
}

const price = (random: Seeded): number => Math.min(centsMax, Math.round(24_000 * random.logNormal(0.8)))

const note = (random: Seeded): string => sentence(random, [Words.noteOpenings, Words.noteMiddles, Words.noteEndings])

/** What one guest does in one visit, in order. */
const visit = (random: Seeded, guest: Person, session: string, now: number): Array<Call> => {
  const { device, id, ...rest } = guest
  const calls: Array<Call> = [{ session, operation: "accounts.signIn", args: [guest.email, device] }]
  if (random.chance(0.3)) calls.push({ session, operation: "guests.save", args: [id, rest] })
  for (let n = random.int(0, 3); n > 0; n--) {
    const tags = Words.tags.filter(() => random.chance(0.12))
    const query = random.chance(0.5)
      ? random.popular(Words.cities).name
      : sentence(random, [Words.wishes, ["in", "near", "close to"], Words.cities.map(({ name }) => name)]).toLowerCase()
    calls.push({
      session,
      operation: "rooms.search",
      args: [query, stay(random, now), { sort: random.popular(["price", "rating", "distance", "-price"]), tags }]
    })
  }
  const booking = `BK-${new Date(now).getUTCFullYear()}-${random.digits(6)}`
  const cents = price(random)
  if (random.chance(0.6)) {
    const extras = { breakfast: random.chance(0.5), ...(random.chance(0.4) ? { note: note(random) } : {}) }
    calls.push(
      {
        session,
        operation: "bookings.create",
        args: [id, `R${random.int(1, 9)}${random.digits(2)}`, stay(random, now), extras]
      },
      {
        session,
        operation: "payments.charge",
        args: [booking, cents, random.popular(["EUR", "USD", "GBP", "CHF", "SEK"])]
      }
    )
  }
  if (random.chance(0.35)) {
    const part = random.pick([1, 1, 0.5, 0.25, random.next()])
    const reason = sentence(random, [Words.refundReasons, ["", "(see mail)", "per phone", "as agreed"]])
    calls.push({
      session,
      operation: "payments.refund",
      args: [booking, Math.max(100, Math.round(cents * part)), reason]
    })
  }
  if (random.chance(0.35)) {
    const text = Array.from(
      { length: random.int(1, 4) },
      () => sentence(random, [Words.reviewOpenings, Words.reviewMiddles, Words.reviewEndings])
    ).join(" ")
    calls.push({ session, operation: "reviews.post", args: [booking, random.popular([5, 4, 3, 2, 1]), text] })
  }
  if (random.chance(0.4)) {
    const day = new Date(now - random.int(0, 700) * dayMs).toISOString()
    calls.push({
      session,
      operation: "invoices.read",
      args: [`${day.slice(0, 4)}/${day.slice(5, 7)}/INV-${random.digits(6)}${random.chance(0.1) ? "-copy" : ""}.pdf`]
    })
  }
  return calls
}

/** An endless stream of legitimate calls. `next(now)` gives the call that arrives at `now`, in epoch ms. */
export const traffic = (random: Seeded): { readonly next: (now: number) => Call } => {
  const guests = Array.from({ length: 800 }, (_, number) => person(random, number))
  const visits: Array<Array<Call>> = []
  let sessions = 0
  const begin = (now: number): Array<Call> => {
    // One visitor in eight is new.
    if (random.chance(0.125)) guests.unshift(person(random, guests.length))
    return visit(random, random.popular(guests), `session-${++sessions}`, now)
  }
  return {
    next: (now) => {
      while (visits.length < concurrent) visits.push(begin(now))
      const at = random.int(0, visits.length - 1)
      const current = visits[at]!
      const call = current.shift()!
      if (current.length === 0) visits.splice(at, 1)
      return call
    }
  }
}
