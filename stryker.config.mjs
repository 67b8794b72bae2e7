/** Mutation testing of the code that decides: `npm run mutation`, or `npm run mutation -- --mutate src/engine/drain.ts`. */

/** @type {import("@stryker-mutator/api/core").PartialStrykerOptions} */
export default {
  mutate: [
    "src/engine/{authority-read,authority-step,authority-wait,change-by-index,comparison,counters,drain,drainer,fallback,in-flight,index-lookup,log-clearer,mirror}.ts",
    "src/engine/{record-reader,record-writer,refetch,refusals,send-states,term-view}.ts",
    "src/strategy/{crossing,gate,handover,membership,recovery,refill,strategies}.ts",
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
