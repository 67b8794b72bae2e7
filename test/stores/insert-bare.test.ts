/** Many states that were never stamped, brought by one statement: the same rows and answers as one by one. */
import { beforeEach, expect, test } from "vitest";
import type { RecordState } from "../../src/stores/state.js";
import { useFixture } from "../migration/fixture.js";

const fixture = useFixture();
const LATER = Date.UTC(2040, 0, 1, 1, 2, 3, 456);
let term: number;

beforeEach(async () => {
  term = await fixture().term();
});

function bare(text: string | Buffer, expiresAt: number | null = LATER): RecordState {
  return { stamp: 0, bytes: Buffer.from(text as string), expiresAt, operations: ["bf_mark"] };
}

const store = () => fixture().context.postgres.store;
const users = () => fixture().records("users");

function signUps(count: number, from = 0) {
  return Array.from({ length: count }, (_, n) => ({
    id: `person${from + n}@example.org`,
    state: bare(
      `{"source": "caf\\u00e9 \\"${n}\\" \\\\", "user_id": "u${n}", "extra": {"n": [${n}, null]}}`,
      n % 2 ? LATER + n : null,
    ),
  }));
}

/** Everything of a table but the ids. */
async function rows(ids: readonly string[]) {
  const all = await fixture()
    .sql`SELECT * FROM users WHERE email IN ${fixture().sql([...ids])} ORDER BY length(email), email`;
  return all.map(({ email, ...row }) => ({ ...row }));
}

test("leaves the rows that the usual way leaves", async () => {
  const [many, few] = [signUps(40), signUps(40, 100)];
  const reply = await store().applyRecords(users(), term, many);
  expect(reply).toEqual({ fenced: false, results: many.map(() => ({ kind: "applied" })) });
  for (const one of few) await store().applyRecords(users(), term, [one]);
  expect(await rows(many.map(({ id }) => id))).toEqual(await rows(few.map(({ id }) => id)));
  const { held } = await store().inspectRecords(
    users(),
    many.map(({ id }) => id),
  );
  for (const [n, one] of held.entries())
    expect(one).toMatchObject({ kind: "value", ...many[n]?.state, bytes: many[n]?.state.bytes });
});

test("says of what stands already whether it is the same, and leaves it", async () => {
  const all = signUps(30);
  await store().applyRecords(users(), term, all.slice(0, 10));
  await store().applyRecords(users(), term, [
    { id: "person3@example.org", state: { ...bare("{}"), stamp: 2_000_000 } },
  ]);
  const reply = await store().applyRecords(
    users(),
    term,
    all.map((one, n) => (n === 5 ? { ...one, state: bare('{"source": "another"}', LATER + 5) } : one)),
  );
  const results = reply.fenced ? [] : reply.results;
  expect(results[4]).toEqual({ kind: "kept", stamp: 0, same: true });
  expect(results[3]).toEqual({ kind: "kept", stamp: 2_000_000, same: false });
  expect(results[5]).toEqual({ kind: "kept", stamp: 0, same: false });
  expect(results.slice(10)).toEqual(all.slice(10).map(() => ({ kind: "applied" })));
  expect(await fixture().row("users", "person3@example.org")).toMatchObject({ bytes: "{}", stamp: 2_000_000 });
  expect((await fixture().row("users", "person5@example.org"))?.bytes).toContain("caf");
});

test("rejects what isn't allowed, and what the database refuses, and neither stops the others", async () => {
  const all = signUps(20);
  const broken = { id: "broken@example.org", state: bare('{"source": "cut') };
  // No index takes it: random, so that it can't be compressed.
  const long = {
    id: `${Array.from({ length: 6000 }, () => Math.random().toString(36)[2]).join("")}@example.org`,
    state: bare("{}"),
  };
  const reply = await store().applyRecords(users(), term, [...all.slice(0, 7), broken, long, ...all.slice(7)]);
  const results = reply.fenced ? [] : reply.results;
  expect(results[7]).toMatchObject({ kind: "rejected", reason: expect.stringMatching(/not JSON/) });
  expect(results[8]).toMatchObject({ kind: "rejected", reason: expect.stringMatching(/SQLSTATE 54000/) });
  expect(results.filter(({ kind }) => kind === "applied")).toHaveLength(20);
});

test("writes nothing in a term that has ended", async () => {
  await store().raiseFence(term + 1);
  expect(await store().applyRecords(users(), term, signUps(20))).toMatchObject({
    fenced: true,
    fence: { term: term + 1 },
  });
  expect(await fixture().sql`SELECT FROM users`).toHaveLength(0);
});

test("values that are much together go in several statements, none of them lost", async () => {
  const all = signUps(20).map(({ id }, n) => ({ id, state: bare(`{"n": ${n}, "text": "${"x".repeat(200_000)}"}`) }));
  const reply = await store().applyRecords(users(), term, all);
  expect(reply).toEqual({ fenced: false, results: all.map(() => ({ kind: "applied" })) });
  const { held } = await store().inspectRecords(
    users(),
    all.map(({ id }) => id),
  );
  expect(
    held.map((one) => one.kind === "value" && one.bytes.equals(all[held.indexOf(one)]?.state.bytes as Buffer)),
  ).toEqual(all.map(() => true));
});

test("of counters the greater part stays where a row was", async () => {
  const usage = fixture().counters("usage");
  const counter = (n: number, redisPart: number) => ({
    id: `user:u${n}:daily:2026-11-20`,
    state: { generation: 0, redisPart, postgresPart: 0, stamp: 0, expiresAt: LATER, operations: ["bf_mark"] },
  });
  await store().applyCounters(usage, term, [counter(0, 9), counter(1, 1)]);
  const all = Array.from({ length: 12 }, (_, n) => counter(n, 5));
  const reply = await store().applyCounters(usage, term, all);
  expect(reply.fenced || reply.results.map(({ kind }) => kind)).toEqual(["kept", ...Array(11).fill("applied")]);
  const sums = await Promise.all(all.map(({ id }) => fixture().sum(id)));
  expect(sums).toEqual([9, ...Array(11).fill(5)]);
  const [row] = await fixture()
    .sql`SELECT subject, period, bucket, count::float8 AS count FROM usage_tracking WHERE id = 'user:u7:daily:2026-11-20'`;
  expect(row).toEqual({ subject: "u7", period: "daily", bucket: "2026-11-20", count: 5 });
});
