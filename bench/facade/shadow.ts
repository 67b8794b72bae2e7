/** Reads of which every one is compared with the other store: ours against LaunchDarkly's migrator at its stage "shadow". */
import {
  basicLogger,
  createMigration,
  init,
  LDConcurrentExecution,
  LDMigrationStage,
  LDMigrationSuccess,
} from "@launchdarkly/node-server-sdk";
import { TestData } from "@launchdarkly/node-server-sdk/integrations";
import type { Way } from "../compare.js";
import { plainFigure } from "../figure.js";
import { fillPlain } from "../fill.js";
import { idOf } from "../items.js";
import type { Run } from "../run.js";
import type { BenchStore, Stage } from "../stage.js";
import { readText, selectText } from "./by-hand.js";
import type { Row } from "./row.js";

const NAME = "read, DUAL_WRITE, each compared";

/** `present` reigns already; the store that compares joins it as another process would. */
export async function shadowReads(
  run: Run,
  stage: Stage,
  present: BenchStore,
  measure: (rows: readonly Row[]) => Promise<void>,
): Promise<void> {
  if (!run.wants(NAME)) return;
  await present.drain();
  // By hand, concurrent writes of one key may end differently in the two stores.
  await fillPlain(stage);
  const store = await stage.open("DUAL_WRITE", { compareReads: 1 });
  const migrator = await openMigrator(stage);
  let read = 0;
  const ours: Way = {
    run: async (i) => {
      read++;
      if ((await store.collections.items.get(idOf(i))) === null) throw new Error("a record is missing");
    },
    settle: () => compared(store, read),
  };
  try {
    await measure([{ name: NAME, ours, against: "LaunchDarkly at shadow", theirs: migrator.way, aims: [0.9, 4, 5] }]);
    const samples = (await store.health()).samples;
    if (samples.differed > 0 || migrator.counts.differed > 0)
      throw new Error("comparisons found differences where there are none");
    if (migrator.counts.compared < migrator.counts.read)
      throw new Error("LaunchDarkly's migrator left out comparisons");
    const heading = { bench: "facade", name: NAME, against: null, at: "all turns", unit: "of all reads compared" };
    run.tell(plainFigure({ ...heading, aim: { atLeast: 1 } }, [samples.compared / read]));
  } finally {
    await store.close();
    await migrator.close();
  }
}

/** Resolves when `read` reads were compared, or nothing is compared any more: work that was put off belongs to its turn. */
async function compared(store: BenchStore, read: number): Promise<void> {
  for (let before = -1; ; ) {
    const present = (await store.health()).samples.compared;
    if (present >= read || present === before) return;
    before = present;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

interface Counts {
  readonly read: number;
  readonly compared: number;
  readonly differed: number;
}

async function openMigrator(stage: Stage): Promise<{ way: Way; counts: Counts; close(): Promise<void> }> {
  const data = new TestData();
  const flag = data.flag("storage").valueForAll(LDMigrationStage.Shadow);
  await data.update(flag);
  const client = init("sdk-key", {
    updateProcessor: data.getFactory(),
    sendEvents: false,
    diagnosticOptOut: true,
    logger: basicLogger({ level: "none" }),
  });
  await client.waitForInitialization({ timeout: 5 });
  const counts = { read: 0, compared: 0, differed: 0 };
  const migration = createMigration<string, string, number, number>(client, {
    execution: new LDConcurrentExecution(),
    latencyTracking: false,
    errorTracking: false,
    readOld: async (i = 0) => LDMigrationSuccess(await readText(stage, i)),
    readNew: async (i = 0) => LDMigrationSuccess(await selectText(stage, i)),
    writeOld: async () => LDMigrationSuccess(""),
    writeNew: async () => LDMigrationSuccess(""),
    check: (old, next) => {
      counts.compared++;
      if (old !== next) counts.differed++;
      return old === next;
    },
  });
  const context = { kind: "user", key: "bench" };
  const way: Way = {
    run: async (i) => {
      counts.read++;
      const result = await migration.read("storage", context, LDMigrationStage.Off, i);
      if (!result.success) throw new Error("LaunchDarkly's migrator could not read", { cause: result.error });
      return JSON.parse(result.result);
    },
  };
  return { way, counts, close: async () => client.close() };
}
