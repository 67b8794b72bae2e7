/** A delete that one store hasn't heard of yet: what a fallback read may say of it, and that it is never undone. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DualWriteStore, StoreName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import {
  append,
  authorityOf,
  drained,
  ledger,
  ledgers,
  otherThan,
  Past,
  STAGES,
  untilAuthority,
  untilHealed,
} from "./support.js";

let pair: Pair;
let past: Past;

beforeAll(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterAll(async () => {
  await past?.end();
  await pair?.end();
});

const proxyOf = (name: StoreName) => (name === "redis" ? pair.redisProxy : pair.databaseProxy);

describe.each(STAGES)("%s, a delete that the mirror missed", (strategy) => {
  const authority = authorityOf(strategy);
  const mirror = otherThan(authority);
  const fallsBack = strategy !== "POSTGRES_ONLY";
  let store: DualWriteStore;

  beforeAll(async () => {
    store = await pair.open(strategy, { deadlines: { read: 600, write: 3000, mirror: 200 } });
    await untilAuthority(store, authority);
    return () => store.close();
  });

  /** Deleted at the authority; the mirror, away at the time, still holds the value. */
  async function deleteUnheard(id: string): Promise<void> {
    await untilHealed(pair, store);
    await ledgers(store).put(id, ledger("first"));
    await drained(store);
    await proxyOf(mirror).setMode("refuse");
    expect(await ledgers(store).delete(id)).toBe(true);
    expect(await ledgers(store).read(id)).toMatchObject({ kind: "miss", store: authority, fallback: false });
    // The authority goes before the mirror is back, so nobody can tell it.
    await proxyOf(authority).setMode("refuse");
    await proxyOf(mirror).setMode("pass");
  }

  it(`a read with the authority away is ${fallsBack ? "the stale value, marked as a fallback, or an error; never an unmarked value" : "an error"}`, async () => {
    const id = `unheard-${strategy}`;
    await deleteUnheard(id);
    for (let n = 0; n < 5; n++) {
      const outcome = await ledgers(store).read(id);
      if (outcome.kind === "hit")
        expect(outcome).toMatchObject({ store: mirror, fallback: true, value: ledger("first") });
      else expect(outcome.kind).toBe("error");
      if (!fallsBack) expect(outcome.kind).toBe("error");
    }
  });

  it("an update with the authority away doesn't bring it back", async () => {
    const id = `updated-${strategy}`;
    await deleteUnheard(id);
    await expect(
      ledgers(store).update(id, (value) => ({ ...value, ops: ["resurrected"] }), { deadline: 400 }),
    ).rejects.toThrow(/authority/);
    await untilHealed(pair, store);
    expect(await append(store, id, "afterwards")).toBeNull();
    await drained(store);
    await past.expectRecord(id, null);
  });

  it("when both are back it stays deleted in both, also for another process and after a restart of this one", async () => {
    const id = `stays-${strategy}`;
    await deleteUnheard(id);
    await ledgers(store).read(id);
    await untilHealed(pair, store);
    await drained(store);
    await past.expectRecord(id, null);
    const other = await pair.open(strategy);
    expect(await ledgers(other).get(id)).toBeNull();
    await drained(other);
    await past.expectRecord(id, null);
    await other.close();
  });

  it("a create after the delete wins over what the mirror still holds", async () => {
    const id = `created-${strategy}`;
    await deleteUnheard(id);
    await untilHealed(pair, store);
    expect(await ledgers(store).create(id, ledger("again"))).toBe(true);
    await drained(store);
    await past.expectRecord(id, ledger("again"));
  });
});
