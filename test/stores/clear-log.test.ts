/** Clearing Redis's repair log: many entries in one step, each compared with its own stamp. */
import { expect, test } from "vitest";
import { companionKey } from "../../src/stores/redis/keys.js";
import type { LogEntry } from "../../src/stores/store.js";
import { useFixture } from "../migration/fixture.js";

const fixture = useFixture();

const redis = () => fixture().context.redis.store;
const users = () => fixture().records("users");

/** Leaves a log entry of each. */
async function write(ids: readonly string[], bytes: Buffer | null, operationId: string): Promise<LogEntry[]> {
  const writes = ids.map((id) => ({ id, bytes, expiresAt: null, operationId }));
  const written = await redis().writeRecords(users(), await fixture().term(), writes);
  if (written.fenced) throw new Error("fenced");
  return written.results.map((one, n) => ({
    id: ids[n] as string,
    stamp: one.kind === "written" ? one.state.stamp : 0,
    live: bytes !== null,
  }));
}

test("more than Lua passes to one call are cleared, but for those that were written since", async () => {
  const ids = Array.from({ length: 9000 }, (_, n) => `person${n}@example.org`);
  const entries = await write(ids, Buffer.from("{}"), "once");
  const since = new Set([0, 999, 1000, 1001, 8999]);
  await redis().clearLog(
    users(),
    entries.map((entry, n) => ({ ...entry, stamp: entry.stamp - (since.has(n) ? 1 : 0) })),
  );
  const left = await redis().readLog(users(), 10);
  expect(new Set(left.map(({ id }) => id))).toEqual(new Set([...since].map((n) => ids[n])));
});

test("the deletes whose entries go begin their retention, and no others", async () => {
  const ids = ["a@example.org", "b@example.org", "c@example.org"];
  const values = await write(["value@example.org"], Buffer.from("{}"), "first");
  const [a, b, c] = (await write(ids, null, "second")) as [LogEntry, LogEntry, LogEntry];
  await redis().clearLog(users(), [...values, a, { ...b, stamp: b.stamp - 1 }, c]);
  const lives = ids.map((id) => fixture().redis.pttl(companionKey(users().redisKey(id))));
  expect((await Promise.all(lives)).map((left) => left > 0)).toEqual([true, false, true]);
  expect((await redis().readLog(users(), 10)).map(({ id }) => id)).toEqual(["b@example.org"]);
});
