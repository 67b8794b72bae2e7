/** Dead rows go, but only when neither the other store nor a backfill could bring them back. */
import { describe, expect, test } from "vitest";
import { RETENTION_MS } from "../../../src/stores/state.js";
import { add, admitted, peopleRecords, useStore, visitCounters, write } from "./store-fixture.js";

const fixture = useStore();
const DAY_MS = 24 * 60 * 60 * 1000;

async function tombstone(id: string): Promise<void> {
  const [result] = admitted(await fixture().store.writeRecords(peopleRecords, 1, [write(id, { bytes: null })]));
  if (result?.kind !== "written") throw new Error("not written");
}

const confirmAll = async () => {
  const { store } = fixture();
  for (const collection of [peopleRecords, visitCounters])
    await store.clearLog(collection, await store.readLog(collection, 100));
};
/** Makes all rows as if `ms` had passed. */
const age = (ms: number) =>
  fixture().sql.unsafe(`
  UPDATE people SET sync_expires_at = sync_expires_at - interval '${ms} milliseconds';
  UPDATE visits SET sync_expires_at = sync_expires_at - interval '${ms} milliseconds'`);
const rows = async () =>
  (await fixture().sql`SELECT id FROM people UNION ALL SELECT id FROM visits`).map(({ id }) => id).sort();

describe("sweeping", () => {
  test("removes a tombstone a whole retention after it was found confirmed, and says how far it came", async () => {
    const { store } = fixture();
    await tombstone("a");
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 0, removed: 0 });
    await confirmAll();
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 1, removed: 0 });
    expect((await store.readRecords(peopleRecords, ["a"])).held).toMatchObject([
      { kind: "tombstone", expiresAt: null },
    ]);
    await age(RETENTION_MS - DAY_MS);
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 0, removed: 0 });
    await age(2 * DAY_MS);
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 0, removed: 1 });
    expect(await rows()).toEqual([]);
  });

  test("begins again with a later delete", async () => {
    const { store } = fixture();
    await tombstone("a");
    await confirmAll();
    await store.sweep(peopleRecords, 10);
    await age(RETENTION_MS + DAY_MS);
    await tombstone("a");
    await confirmAll();
    expect(await store.sweep(peopleRecords, 10)).toEqual({ begun: 1, removed: 0 });
  });

  test("removes what expired a whole retention ago, and nothing that lives or expired lately", async () => {
    const { store } = fixture();
    const expiring = { expiresAt: Date.now() + 50 };
    admitted(await store.writeRecords(peopleRecords, 1, [write("old", expiring), write("living")]));
    admitted(await store.addToCounters(visitCounters, 1, [add("old counter", { ttlMs: 50 }), add("living counter")]));
    await confirmAll();
    await age(RETENTION_MS + DAY_MS);
    admitted(await store.writeRecords(peopleRecords, 1, [write("new", expiring)]));
    await confirmAll();
    expect(await store.sweep(peopleRecords, 10)).toMatchObject({ removed: 1 });
    expect(await store.sweep(visitCounters, 10)).toMatchObject({ removed: 1 });
    expect(await rows()).toEqual(["living", "living counter", "new"]);
  });

  test("waits for a backfill that began before, for the mirror, and while the store is incomplete", async () => {
    const { store, sql } = fixture();
    admitted(await store.writeRecords(peopleRecords, 1, [write("a", { expiresAt: Date.now() + 50 })]));
    await age(RETENTION_MS + DAY_MS);
    expect(await store.sweep(peopleRecords, 10)).toMatchObject({ removed: 0 });
    await confirmAll();
    await sql`INSERT INTO dual_write_backfill_runs (id, direction, state, started_at) VALUES (gen_random_uuid(), 'forward', 'running', now() - interval '30 days')`;
    expect(await store.sweep(peopleRecords, 10)).toMatchObject({ removed: 0 });
    await sql`UPDATE dual_write_backfill_runs SET finished_at = now()`;
    await store.setComplete(peopleRecords, false);
    expect(await store.sweep(peopleRecords, 10)).toMatchObject({ removed: 0 });
    await store.setComplete(peopleRecords, true);
    expect(await store.sweep(peopleRecords, 10)).toMatchObject({ removed: 1 });
  });

  test("takes at most as many rows as asked for", async () => {
    const { store } = fixture();
    for (const id of ["a", "b", "c"]) await tombstone(id);
    await confirmAll();
    expect(await store.sweep(peopleRecords, 2)).toEqual({ begun: 2, removed: 0 });
    expect(await store.sweep(peopleRecords, 2)).toEqual({ begun: 1, removed: 0 });
    await age(RETENTION_MS + DAY_MS);
    expect(await store.sweep(peopleRecords, 2)).toEqual({ begun: 0, removed: 2 });
    expect(await store.sweep(peopleRecords, 2)).toEqual({ begun: 0, removed: 1 });
  });
});
