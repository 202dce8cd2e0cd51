import { configDefaults, defineConfig } from "vitest/config"

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["test/**/*.test.ts"],
    // Decorators are a syntax error here: those tests run from the compiled output (`npm run test:dist`).
    exclude: [...configDefaults.exclude, "test/generated/**", "test/decorator/**"],
    testTimeout: 60_000,
    typecheck: { include: ["test/**/*.test-d.ts"], tsconfig: "./tsconfig.json" },
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/**/index.ts"],
      reporter: ["text", "json-summary"]
    }
  }
})
