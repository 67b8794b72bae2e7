/** What happens between the reading of a page and its copying: live writes, deletes and expiries win in every order. */
import { describe, expect, test } from "vitest";
import { FencedError } from "../../src/errors.js";
import { copyCounterPage } from "../../src/migration/backfill/copy-counters.js";
import { copyRecordPage } from "../../src/migration/backfill/copy-records.js";
import { readCounterPage } from "../../src/migration/keyspace/counter-page.js";
import { readRecordPage } from "../../src/migration/keyspace/record-page.js";
import type { RecordState } from "../../src/stores/state.js";
import { waitFor } from "../support/wait-for.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const ID = "ann@example.org";
const KEY = `threadr:email:${ID}`;
const COUNTER = "user:u1:daily:2026-11-20";

async function readPage() {
  const { context } = fixture();
  return readRecordPage(context, fixture().records("users"), [ID], await fixture().term());
}

async function copyPage(page: Awaited<ReturnType<typeof readPage>>) {
  const { context } = fixture();
  const [ending] = await copyRecordPage(context, page, await context.postgres.store.now());
  return ending?.outcome;
}

let operations = 0;

/** A write of the library in Redis; the state is for the mirror. */
async function write(bytes: string | null): Promise<RecordState> {
  const { context } = fixture();
  const one = {
    id: ID,
    bytes: bytes === null ? null : Buffer.from(bytes),
    expiresAt: null,
    operationId: `live-${++operations}`,
  };
  const reply = await context.redis.store.writeRecords(fixture().records("users"), await fixture().term(), [one]);
  expect(reply).toMatchObject({ fenced: false, results: [{ kind: "written" }] });
  return (reply as unknown as { results: [{ state: RecordState }] }).results[0].state;
}

async function mirror(state: RecordState): Promise<void> {
  const { context } = fixture();
  await context.postgres.store.applyRecords(fixture().records("users"), await fixture().term(), [{ id: ID, state }]);
}

describe("a live update", () => {
  test("that reached Postgres before the page stays", async () => {
    await fixture().redis.set(KEY, signUp());
    const page = await readPage();
    const state = await write(signUp({ role: "premium" }));
    await mirror(state);
    expect(await copyPage(page)).toBe("newer");
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: signUp({ role: "premium" }), stamp: state.stamp });
  });

  test("that reaches Postgres after the page wins", async () => {
    await fixture().redis.set(KEY, signUp());
    const page = await readPage();
    const state = await write(signUp({ role: "premium" }));
    expect(await copyPage(page)).toBe("copied");
    await mirror(state);
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: signUp({ role: "premium" }), stamp: state.stamp });
  });

  test("before the page is read travels with its stamp", async () => {
    await fixture().redis.set(KEY, signUp());
    const state = await write(signUp({ role: "premium" }));
    expect(await copyPage(await readPage())).toBe("copied");
    expect(await fixture().row("users", ID)).toMatchObject({ stamp: state.stamp });
    expect(await copyPage(await readPage())).toBe("unchanged");
  });
});

describe("a live delete", () => {
  test("that reached Postgres before the page doesn't come back", async () => {
    await fixture().redis.set(KEY, signUp());
    const page = await readPage();
    await mirror(await write(null));
    expect(await copyPage(page)).toBe("expired");
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: null });
  });

  test("that reaches Postgres after the page takes it away again", async () => {
    await fixture().redis.set(KEY, signUp());
    const page = await readPage();
    const state = await write(null);
    await copyPage(page);
    await mirror(state);
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: null, stamp: state.stamp });
  });

  test("before the page is read leaves nothing to copy", async () => {
    await fixture().redis.set(KEY, signUp());
    await write(null);
    expect(await copyPage(await readPage())).toBe("expired");
    expect(await fixture().row("users", ID)).toBeUndefined();
  });
});

describe("a bypass writer", () => {
  test("that deletes a value of which Postgres has an older copy takes it away there", async () => {
    await fixture().redis.set(KEY, signUp());
    await copyPage(await readPage());
    await fixture().redis.set(KEY, signUp({ source: "second" }));
    const page = await readPage();
    await fixture().redis.del(KEY);
    expect(await copyPage(page)).toBe("expired");
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: null });
  });

  test("that changes a value the library wrote is adopted on the way", async () => {
    await mirror(await write(signUp()));
    await fixture().redis.set(KEY, signUp({ source: "bypass" }));
    expect(await copyPage(await readPage())).toBe("copied");
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: signUp({ source: "bypass" }) });
  });
});

describe("an expiry", () => {
  test("between reading and copying leaves nothing in Postgres", async () => {
    const { redis } = fixture();
    await fixture().term();
    await redis.set(KEY, signUp(), "PX", 300);
    const page = await readPage();
    expect(page.held[0]?.kind).toBe("value");
    await waitFor(async () => (await redis.exists(KEY)) === 0);
    await new Promise((resolve) => setTimeout(resolve, 5)); // The two servers' clocks are one machine's.
    expect(await copyPage(page)).toBe("expired");
    expect(await fixture().row("users", ID)).toBeUndefined();
  });

  test("before reading is a key that is gone", async () => {
    expect(await copyPage(await readPage())).toBe("expired");
  });
});

describe("a counter", () => {
  const read = async () =>
    readCounterPage(fixture().context, fixture().counters("usage"), [COUNTER], await fixture().term());
  const copy = async (page: Awaited<ReturnType<typeof read>>) => {
    const [ending] = await copyCounterPage(fixture().context, page, await fixture().context.postgres.store.now());
    return ending?.outcome;
  };
  const count = async (operationId: string) => {
    const { context } = fixture();
    const reply = await context.redis.store.addToCounters(fixture().counters("usage"), await fixture().term(), [
      { id: COUNTER, by: 1, operationId, ttlMs: null, renew: false },
    ]);
    if (reply.fenced || reply.results[0]?.kind !== "added") throw new Error("not counted");
    return reply.results[0].state;
  };
  const tell = async (state: Awaited<ReturnType<typeof count>>) => {
    await fixture().context.postgres.store.applyCounters(fixture().counters("usage"), await fixture().term(), [
      { id: COUNTER, state },
    ]);
  };

  test("that is counted on before the page is copied keeps each use once", async () => {
    await fixture().redis.set(`threadr:usage:${COUNTER}`, "5");
    const page = await read();
    await tell(await count("a"));
    expect(await copy(page)).toBe("newer");
    expect(await fixture().sum(COUNTER)).toBe(6);
    expect(await copy(await read())).toBe("unchanged");
  });

  test("that is counted on after the page is copied keeps each use once", async () => {
    await fixture().redis.set(`threadr:usage:${COUNTER}`, "5");
    const page = await read();
    const state = await count("a");
    expect(await copy(page)).toBe("copied");
    await tell(state);
    expect(await fixture().sum(COUNTER)).toBe(6);
  });
});

test("a Redis that was set up while Postgres was away gives no page before both agree", async () => {
  const { context } = fixture();
  const term = (await fixture().term()) + 1;
  await context.redis.store.claimMemory({ term, role: "authority", complete: true, agreed: false });
  await fixture().redis.set(`threadr:usage:${COUNTER}`, "3");
  const read = (under: number) => readCounterPage(context, fixture().counters("usage"), [COUNTER], under);
  await expect(read(term)).rejects.toThrow(FencedError);
  expect(await read(await fixture().term())).toMatchObject({ held: [{ redisPart: 3 }] });
});

test("a page that was read in another term isn't copied", async () => {
  const { context } = fixture();
  await fixture().redis.set(KEY, signUp());
  const page = await readPage();
  const term = await fixture().term();
  await context.redis.store.raiseFence(term + 1);
  await context.postgres.store.raiseFence(term + 1);
  await expect(copyPage(page)).rejects.toThrow(FencedError);
  expect(await fixture().row("users", ID)).toBeUndefined();
});
