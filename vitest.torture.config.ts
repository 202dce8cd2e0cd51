import { defineConfig } from "vitest/config"

/** `npm run torture`: minutes of faults at full size. It is no part of `npm test`; each file prints its seeds and counts. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["test/torture/**/*.torture.ts"],
    fileParallelism: false,
    disableConsoleIntercept: true,
    testTimeout: 1_800_000,
    hookTimeout: 60_000
  }
})
