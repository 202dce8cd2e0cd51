import { defineConfig } from "vitest/config"

/** Runs what `scripts/doctest.ts` extracted from the documentation. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: { include: ["test/generated/**/*.test.ts"], testTimeout: 60_000 }
})
