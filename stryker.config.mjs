/** Mutation testing of the code that decides: `npm run mutation`, or `npm run mutation -- --mutate src/engine/drain.ts`. */

/** @type {import("@stryker-mutator/api/core").PartialStrykerOptions} */
export default {
  mutate: [
    "src/engine/{authority-read,counters,drain,fallback,mirror,record-reader,record-writer,refetch,refusals,send-states,term-view}.ts",
    "src/strategy/{gate,handover,recovery,strategies}.ts",
    "src/stores/{guard,state,transient-errors}.ts",
  ],
  testRunner: "vitest",
  vitest: { configFile: "test/mutation/vitest.config.ts" },
  plugins: ["@stryker-mutator/vitest-runner", "./test/mutation/ignore-texts.mjs"],
  ignorers: ["texts"],
  ignorePatterns: ["dist", "docs", "examples", "migrations", "reports"],
  tempDirName: "reports/stryker",
  reporters: ["clear-text", "json", "progress-append-only"],
  jsonReporter: { fileName: "reports/mutation.json" },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  concurrency: 2,
  timeoutMS: 8000,
  disableTypeChecks: "src/**/*.ts",
};
