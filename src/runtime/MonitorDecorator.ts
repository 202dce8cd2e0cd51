import * as Site from "./CallSite.ts"
import { getCurrent, type PicRuntime } from "./PicRuntime.ts"

/**
 * Standard (TC39) method decorator: every call of the method is judged before it runs, by the `PicRuntime` that was
 * started last.
 *
 * An `async` method waits for its verdict and rejects with `CallBlocked`. Any other method is judged in this process,
 * without an envelope, and throws it; its evidence is queued rather than awaited. While no runtime is started the method
 * runs unprotected, or throws where `failMode` is `closed`.
 */
export const monitor = <Args extends Array<unknown>>(name: string, options?: Site.WrapOptions<Args>) =>
<This, A>(
  method: (this: This, ...args: Args) => A,
  _context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => A>
): (this: This, ...args: Args) => A => {
  const site = Site.make(name, method.length, options)
  const guarded = new WeakMap<PicRuntime, (this: This, ...args: Args) => A>()
  return function(...args) {
    const runtime = getCurrent()
    if (runtime === undefined) {
      if (site.failMode === "closed") throw Site.failedClosed(site)
      return method.apply(this, args)
    }
    let run = guarded.get(runtime)
    if (run === undefined) guarded.set(runtime, run = runtime.guard(site, method))
    return run.apply(this, args)
  }
}
