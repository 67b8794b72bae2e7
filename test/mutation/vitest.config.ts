/** The tests that mutants of the decision code meet: only those on in-memory stores, since each mutant costs a run. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "test/engine/*.test.ts",
      "test/strategy/*.test.ts",
      "test/stores/{guard,state,transient-errors}.test.ts",
      "test/contract/memory.test.ts",
      "test/memory/*.test.ts",
      "test/mutation/schedules.ts",
    ],
    testTimeout: 10_000,
  },
});
