/** The mark of a full log: what was left out before a copy began is told from what was left out since. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PostgresStore } from "../../../src/stores/postgres/postgres-store.js";
import { RETENTION_MS } from "../../../src/stores/state.js";
import { admitted, holding, peopleRecords, person, untilBlocked, useStore, write } from "./store-fixture.js";

const fixture = useStore();
let full: PostgresStore;

beforeEach(async () => {
  full = await PostgresStore.connect({ postgres: fixture().url, logLimit: 1, max: 4 });
  for (const id of ["first", "left-out"]) await put(id);
});
afterEach(() => full.close());

const put = async (id: string, age?: number) =>
  admitted(await full.writeRecords(peopleRecords, 1, [write(id, { bytes: person(age === undefined ? {} : { age }) })]));
const isMarked = async () => (await fixture().store.logStatus(peopleRecords)).overflowed;

describe("the overflow mark", () => {
  test("goes when what was left out has been copied, and the next entry that is left out marks anew", async () => {
    const { store } = fixture();
    expect(await isMarked()).toBe(true);
    await store.takeOverflow(peopleRecords, "one");
    expect(await isMarked()).toBe(true);
    await store.settleOverflow(peopleRecords, "another");
    expect(await isMarked()).toBe(true);
    await store.settleOverflow(peopleRecords, "one");
    expect(await isMarked()).toBe(false);
    await put("later");
    expect(await isMarked()).toBe(true);
  });

  test("stays for what is left out while the rest is copied", async () => {
    const { store } = fixture();
    await store.takeOverflow(peopleRecords, "one");
    await put("meanwhile");
    await store.settleOverflow(peopleRecords, "one");
    expect(await isMarked()).toBe(true);
    await store.takeOverflow(peopleRecords, "two");
    await store.settleOverflow(peopleRecords, "two");
    expect(await isMarked()).toBe(false);
  });

  test("that a copy took and didn't bring to its end belongs to the next copy", async () => {
    const { store } = fixture();
    await store.takeOverflow(peopleRecords, "slow");
    await store.takeOverflow(peopleRecords, "quick");
    await store.settleOverflow(peopleRecords, "slow");
    expect(await isMarked()).toBe(true);
    await store.settleOverflow(peopleRecords, "quick");
    expect(await isMarked()).toBe(false);
    await store.takeOverflow(peopleRecords, "idle");
    expect(await isMarked()).toBe(false);
  });

  test("is taken only when every write that found it standing is there to be copied", async () => {
    const { store, sql } = fixture();
    const release = await holding(
      sql,
      (transaction) => transaction`SELECT FROM people WHERE id = 'left-out' FOR UPDATE`,
    );
    const writing = put("left-out", 77);
    await untilBlocked(sql, 1);
    const taking = store.takeOverflow(peopleRecords, "one");
    await untilBlocked(sql, 2);
    await release();
    await taking;
    const { held } = await store.readRecords(peopleRecords, ["left-out"]);
    expect(held).toMatchObject([{ bytes: person({ age: 77 }) }]);
    await writing;
    await store.settleOverflow(peopleRecords, "one");
    expect(await isMarked()).toBe(false);
  });

  test("keeps dead rows from being swept: without an entry nobody knows whether the mirror heard of them", async () => {
    const { store, sql } = fixture();
    await store.clearLog(peopleRecords, await store.readLog(peopleRecords, 10));
    admitted(await store.writeRecords(peopleRecords, 1, [write("left-out", { bytes: null })]));
    await store.clearLog(peopleRecords, await store.readLog(peopleRecords, 10));
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 0, removed: 0 });
    await sql`UPDATE people SET sync_expires_at = now() - ${2 * RETENTION_MS} * interval '1 millisecond'`;
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 0, removed: 0 });
    await store.takeOverflow(peopleRecords, "one");
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 0, removed: 0 });
    await store.settleOverflow(peopleRecords, "one");
    expect(await store.sweep(peopleRecords, 10)).toMatchObject({ removed: 2 });
  });
});
