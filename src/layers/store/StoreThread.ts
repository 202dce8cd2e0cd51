import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import type { ErrorKind, ThreadReply } from "./ThreadServer.ts"

/** Why a request was not served. `lost`: the thread itself died; the next request starts a new one. */
export interface ThreadFailure {
  readonly kind: ErrorKind | "lost"
  readonly detail: string
}

/** A thread that answers requests one after the other. */
export interface StoreThread<Request> {
  /** Of what is handed over the sender keeps nothing; all else is copied. */
  readonly request: (request: Request, handedOver?: ReadonlyArray<ArrayBuffer>) => Effect.Effect<unknown, ThreadFailure>
  /** The same for plain code: `done` is called once, later. */
  readonly send: (
    request: Request,
    done: (outcome: Outcome) => void,
    handedOver?: ReadonlyArray<ArrayBuffer>
  ) => void
  /** Changes when the next request will find a new thread, which knows nothing of what its predecessor was told. */
  readonly startsUnsafe: () => number
}

/** What a thread runs (`entry`, with `data`), and its last request. */
export interface ThreadOptions<Request> {
  readonly entry: URL
  readonly data: unknown
  readonly last: Request
}

/** How long a thread may take to finish and close its files; then it is stopped, and the files close with it. */
export const closeWaitMs = 5_000

/** Memory of a store's thread: it holds one group of records at a time. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8, stackSizeMb: 1 }

/** The answer to a request. */
export type Outcome = Exit.Exit<unknown, ThreadFailure>

class ThreadClient<Request> {
  readonly #options: ThreadOptions<Request>
  readonly #waiters = new Map<number, (outcome: Outcome) => void>()
  #worker: Worker | undefined
  #nextId = 1
  #starts = 0

  constructor(options: ThreadOptions<Request>) {
    this.#options = options
  }

  /** The number of the thread that the next request goes to. */
  get current(): number {
    return this.running ? this.#starts : this.#starts + 1
  }

  get running(): boolean {
    return this.#worker !== undefined
  }

  send(request: Request, done: (outcome: Outcome) => void, handedOver: ReadonlyArray<ArrayBuffer> = []): void {
    const id = this.#nextId++
    const worker = this.#worker ?? this.#start()
    // A thread with nothing to do must not keep the process alive; one that owes an answer must.
    if (this.#waiters.size === 0) worker.ref()
    this.#waiters.set(id, done)
    worker.postMessage({ id, request }, handedOver)
  }

  stop(): void {
    const worker = this.#worker
    this.#worker = undefined
    void worker?.terminate()
  }

  #start(): Worker {
    const { data, entry } = this.#options
    const worker = new Worker(entry, { workerData: data, env: {}, execArgv: [], resourceLimits })
    let reason = "the thread ended"
    worker.on("message", (reply: ThreadReply) => this.#settle(worker, reply))
    worker.on("error", (error) => {
      reason = error instanceof Error ? error.message : reason
    })
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined
      const waiters = [...this.#waiters.values()]
      this.#waiters.clear()
      for (const waiter of waiters) waiter(Exit.fail({ kind: "lost", detail: reason }))
    })
    this.#worker = worker
    this.#starts++
    return worker
  }

  #settle(worker: Worker, reply: ThreadReply): void {
    const waiter = this.#waiters.get(reply.id)
    this.#waiters.delete(reply.id)
    if (this.#waiters.size === 0) worker.unref()
    waiter?.(reply.ok ? Exit.succeed(reply.value) : Exit.fail({ kind: reply.kind, detail: reply.detail }))
  }
}

/** Starts a thread on first use; when the scope closes it gets its last request and `closeWaitMs` for it. */
export const make = <Request>(
  options: ThreadOptions<Request>
): Effect.Effect<StoreThread<Request>, never, Scope.Scope> => {
  const client = new ThreadClient<Request>(options)
  const request = (message: Request, handedOver?: ReadonlyArray<ArrayBuffer>) =>
    Effect.callback<unknown, ThreadFailure>((resume) => client.send(message, resume, handedOver))
  const close = Effect.suspend(() => client.running ? request(options.last) : Effect.void).pipe(
    Effect.timeoutOption(closeWaitMs),
    Effect.ignore,
    Effect.andThen(Effect.sync(() => client.stop()))
  )
  return Effect.acquireRelease(
    Effect.succeed({ request, send: client.send.bind(client), startsUnsafe: () => client.current }),
    () => close
  )
}
