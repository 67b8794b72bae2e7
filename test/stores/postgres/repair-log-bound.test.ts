/** The repair log stays bounded by its limit, whoever writes, and says so. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PostgresStore } from "../../../src/stores/postgres/postgres-store.js";
import { waitFor } from "../../support/wait-for.js";
import { admitted, peopleRecords, useStore, write } from "./store-fixture.js";

const fixture = useStore();
const LIMIT = 40;
let stores: PostgresStore[];

beforeEach(async () => {
  const options = { postgres: fixture().url, logLimit: LIMIT, max: 2 };
  stores = await Promise.all([PostgresStore.connect(options), PostgresStore.connect(options)]);
});

afterEach(() => Promise.all(stores.map((store) => store.close())));

const status = () => fixture().store.logStatus(peopleRecords);
const put = async (store: PostgresStore | undefined, ids: readonly string[]) =>
  admitted<unknown>(
    (await store?.writeRecords(
      peopleRecords,
      1,
      ids.map((id) => write(id)),
    )) ?? { fenced: false, results: [] },
  );
const ids = (from: number, amount: number) => Array.from({ length: amount }, (_, n) => `${from + n}`);

describe("a repair log", () => {
  test("takes exactly its limit from one process, however the writes are batched", async () => {
    await put(stores[0], ids(0, 7));
    await put(stores[0], ids(7, 33));
    expect(await status()).toMatchObject({ entries: LIMIT, overflowed: false });
    await put(stores[0], ids(0, 40));
    expect(await status()).toMatchObject({ entries: LIMIT, overflowed: false });
    await put(stores[0], ids(39, 2));
    expect(await status()).toMatchObject({ entries: LIMIT, overflowed: true });
  });

  test("takes from one batch as much as fits, and marks the rest", async () => {
    await put(stores[0], ids(0, 50));
    expect(await status()).toMatchObject({ entries: LIMIT, overflowed: true });
  });

  test("takes little more than its limit from several processes", async () => {
    for (let from = 0; from < 100; from += 2) {
      await put(stores[0], ids(from, 1));
      await put(stores[1], ids(from + 1, 1));
    }
    const { entries, overflowed } = await status();
    expect(overflowed).toBe(true);
    expect(entries).toBeGreaterThanOrEqual(LIMIT);
    expect(entries).toBeLessThanOrEqual(LIMIT * 1.5);
  });

  test("that another process works off takes entries again", async () => {
    await put(stores[0], ids(0, 50));
    const { store } = fixture();
    await store.clearLog(peopleRecords, await store.readLog(peopleRecords, 100));
    await store.takeOverflow(peopleRecords, "copy");
    await store.settleOverflow(peopleRecords, "copy");
    await waitFor(
      async () => {
        await put(stores[0], ["again"]);
        return (await status()).entries === 1;
      },
      { what: "the log to take an entry", everyMs: 100 },
    );
  });
});
