/** What every store keeps of the port's promises. Each store runs it in a few lines; a table of contents. */
import { describe } from "vitest";
import { describeConcurrency } from "./contract-concurrency.js";
import { describeCounterMerges } from "./contract-counter-merges.js";
import { describeCounters } from "./contract-counters.js";
import { describeExpiry } from "./contract-expiry.js";
import { describeFence } from "./contract-fence.js";
import type { MakeStore } from "./contract-harness.js";
import { describeLookups } from "./contract-lookups.js";
import { describeMirror } from "./contract-mirror.js";
import { describeRepairLog } from "./contract-repair-log.js";
import { describeValues } from "./contract-values.js";
import { describeWrites } from "./contract-writes.js";

export function describeStoreContract(name: string, makeStore: MakeStore): void {
  describe(`${name} as a store`, () => {
    describeWrites(makeStore);
    describeValues(makeStore);
    describeExpiry(makeStore);
    describeMirror(makeStore);
    describeCounters(makeStore);
    describeCounterMerges(makeStore);
    describeFence(makeStore);
    describeRepairLog(makeStore);
    describeLookups(makeStore);
    describeConcurrency(makeStore);
  });
}
