import { type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import { Foreign, Locked, Refused } from "./SqliteFile.ts"

/** `foreign` and `refused` stay so; `locked` may pass; after `failed` the files are closed and will be opened anew. */
export type ErrorKind = "foreign" | "refused" | "locked" | "failed"

const kindOf = (error: unknown): ErrorKind => {
  if (error instanceof Foreign) return "foreign"
  if (error instanceof Refused) return "refused"
  return error instanceof Locked ? "locked" : "failed"
}

/** What a thread answers to request `id`. */
export type ThreadReply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly kind: ErrorKind; readonly detail: string }

const failure = (id: number, error: unknown): ThreadReply => ({
  id,
  ok: false,
  kind: kindOf(error),
  detail: error instanceof Error ? error.message : "unknown failure"
})

/**
 * How long a thread that has just answered looks for the next request before it sleeps, in milliseconds: a caller who
 * writes one record after the other needs that long, and waking a core costs more.
 */
const lookMs = 0.1

/** How long a thread may go on like that before it sees to its timers, whatever arrives meanwhile. */
const turnMs = 10

interface Message<Request> {
  readonly id: number
  readonly request: Request
}

/**
 * Answers the requests that arrive at a port, one after the other, in order: with what `handle` returns or throws, or with
 * what it gave to `reply` before it was done. `rest` is called when there is nothing more to answer, and must not throw.
 */
export const serve = <Request>(
  port: MessagePort,
  handle: (request: Request, reply: (value: unknown) => void) => unknown,
  rest: () => void = () => undefined
): void => {
  const answer = ({ id, request }: Message<Request>) => {
    let answered = false
    const post = (reply: ThreadReply) => {
      if (!answered) port.postMessage(reply, [])
      answered = true
    }
    try {
      const value = handle(request, (early) => post({ id, ok: true, value: early }))
      post({ id, ok: true, value })
    } catch (error) {
      post(failure(id, error))
    }
  }
  port.on("message", (first: Message<Request>) => {
    answer(first)
    const turnEnd = performance.now() + turnMs
    for (let end = performance.now() + lookMs; performance.now() < Math.min(end, turnEnd);) {
      const next: { readonly message: Message<Request> } | undefined = receiveMessageOnPort(port)
      if (next === undefined) continue
      answer(next.message)
      end = performance.now() + lookMs
    }
    rest()
  })
}
