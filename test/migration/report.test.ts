/** The report of the whole migration: what the control tables and the logs tell, and what is known when they are away. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { closeContext } from "../../src/migration/migration-context.js";
import { openContext } from "../../src/migration/open-context.js";
import { reignsOf } from "../../src/migration/report/reigns.js";
import { report } from "../../src/migration/report/report.js";
import { reportPage } from "../../src/migration/report/report-page.js";
import { verify } from "../../src/migration/verify/verify.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dual-write-report-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A decision so many days ago. */
async function decide(daysAgo: number, what: string, strategy: string | null, reason: string, forced = false) {
  await fixture().sql`
    INSERT INTO dual_write_decisions (at, what, strategy, reason, forced, process)
    VALUES (now() - make_interval(days => ${daysAgo}), ${what}, ${strategy}, ${reason}, ${forced}, 'p')`;
}

async function writeLog(name: string, lines: readonly unknown[]): Promise<void> {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  await writeFile(join(folder, name), text);
}

test("tells who decided from when to when, what was copied and compared, and what traffic met", async () => {
  const { context, redis, sql } = fixture();
  await redis.set("threadr:email:ann@example.org", signUp());
  await redis.set("threadr:email:cut@example.org", "{");
  await decide(20, "flip", "DUAL_WRITE", "week 2");
  await decide(9, "forced-passage", "POSTGRES_PRIMARY", 'a </title><script>alert("x")</script>', true);
  await decide(8, "handover", "POSTGRES_PRIMARY", "forced");
  await decide(3, "rollback", "DUAL_WRITE", "as an exercise");
  await decide(2, "handover", "DUAL_WRITE", "every process crossed and the gate was passed");
  for (const [kind, days] of [
    ["value", 1],
    ["value", 1],
    ["missing", 5],
  ] as const) {
    await sql`INSERT INTO dual_write_divergence (at, kind, collection, key_hash)
      VALUES (now() - make_interval(days => ${days}), ${kind}, 'users', gen_random_uuid()::text)`;
  }
  await backfill(context);
  await verify(context);

  const made = await report(context, { logs: folder });
  const { term } = made.status;
  expect(made.reigns.map(({ authority, term: of }) => [authority, of])).toEqual([
    // These stores never moved: the notes are made up, so terms before the first can't be told.
    ["redis", null],
    ["postgres", null],
    ["redis", 1],
  ]);
  expect(made.reigns[0]).toMatchObject({ from: null, to: made.reigns[1]?.from });
  expect(made.reigns[2]?.to).toBeNull();
  expect(made.strategies).toMatchObject([
    { strategy: "DUAL_WRITE", reason: "week 2" },
    { strategy: "POSTGRES_PRIMARY", forced: true },
    { strategy: "DUAL_WRITE", to: null },
  ]);
  expect(made.backfills).toMatchObject([
    { state: "finished", direction: "forward", counts: { counts: { copied: 1 } } },
  ]);
  expect(made.backfills[0]?.collections).toContain("users");
  expect(made.verifies.find(({ collection }) => collection === "users")).toMatchObject({ clean: true, compared: 2 });
  expect(made.divergences.map(({ kind, count }) => [kind, count])).toEqual([
    ["value", 2],
    ["missing", 1],
  ]);
  expect(made.latency).toMatchObject({ redis: { asked: 21 }, postgres: { asked: 21 } });
  expect(made.status.collections.users).toMatchObject({ rejects: 1 });

  const html = reportPage(made);
  expect(html).toContain("&lt;script&gt;alert(&quot;x&quot;)");
  expect(html.includes("<script")).toBe(false);
  for (const shown of ["POSTGRES_PRIMARY (forced)", `term ${term}`, "as an exercise", "missing"])
    expect(html, shown).toContain(shown);
});

test("reads the logs of earlier runs, also of one that was killed while it wrote", async () => {
  const at = (minutes: number) => new Date(Date.UTC(2026, 10, 20, 9, minutes)).toISOString();
  const start = (run: string, minutes: number, command: string) => ({
    at: at(minutes),
    run,
    type: "start",
    command,
    arguments: [],
    version: "0.1.0",
    host: "ops-1",
    pid: 7,
  });
  const seen = (operations: number) => ({
    lagMs: 1500,
    stores: { redis: { latencyMs: 0.4, operations }, postgres: null },
  });
  await writeLog("2026-11-20T09-00-backfill.jsonl", [
    start("a", 0, "backfill"),
    { at: at(1), run: "a", type: "progress", done: 10, total: 20, rate: 5, etaMs: null, phase: "copy" },
    { at: at(2), run: "a", type: "error", name: "Error", code: null, message: "connect ECONNREFUSED" },
    { at: at(2), run: "a", type: "end", exitCode: 3, elapsedMs: 120_000 },
  ]);
  await writeLog("2026-11-20T09-05-status.jsonl", [
    start("b", 5, "status"),
    { at: at(6), run: "b", type: "result", result: seen(1000) },
    { at: at(7), run: "b", type: "result", result: { ...seen(601_000), lagMs: 0 } },
    // The server was restarted: of the time before nothing can be told.
    { at: at(8), run: "b", type: "result", result: seen(5) },
    '{"at":"2026-11-20T09:07:3',
    "null",
    '{"at":"yesterday","run":"b","type":"end"}',
  ]);
  await writeFile(join(folder, "notes.txt"), "not ours");

  const { logs } = await report(fixture().context, { logs: folder });
  expect(logs?.runs).toMatchObject([
    { run: "b", command: "status", exitCode: null, elapsedMs: null, error: null, lastAt: new Date(at(8)) },
    { run: "a", command: "backfill", host: "ops-1", exitCode: 3, elapsedMs: 120_000, error: "connect ECONNREFUSED" },
  ]);
  const nothing = { postgresMs: null, postgresOperations: null };
  expect(logs?.observations).toEqual([
    { at: new Date(at(6)), lagMs: 1500, redisMs: 0.4, redisOperations: 1000, ...nothing },
    { at: new Date(at(7)), lagMs: 0, redisMs: 0.4, redisOperations: 601_000, ...nothing },
    { at: new Date(at(8)), lagMs: 1500, redisMs: 0.4, redisOperations: 5, ...nothing },
  ]);
  const page = reportPage(await report(fixture().context, { logs: folder }));
  expect(page).toContain("commands of Redis: 10,000</title>");
  expect(page.match(/<title>commands of Redis: /g)).toHaveLength(1);
  expect(logs?.unreadable).toBe(3);
  expect((await report(fixture().context, { logs: join(folder, "none") })).logs).toMatchObject({ runs: [] });
});

test("of stores that are away, or that nobody has set up, says so", async () => {
  const fresh = await report(fixture().context);
  expect(fresh).toMatchObject({ decisions: [], backfills: [], verifies: [], logs: null });
  expect(reportPage(fresh)).toContain("Nothing has happened yet.");

  const away = await openContext({
    redis: "redis://127.0.0.1:1",
    postgres: "postgres://app:secret-word@127.0.0.1:1/app",
  });
  try {
    const made = await report(away);
    expect(made.latency).toEqual({ redis: null, postgres: null });
    expect(made.notes.join()).toMatch(/Postgres doesn't answer[\s\S]*Redis doesn't answer/);
    expect(JSON.stringify(made) + reportPage(made)).not.toContain("secret-word");
  } finally {
    await closeContext(away);
  }
});

test("names no terms where the notes and the fences disagree", () => {
  const decision = {
    what: "handover",
    strategy: "POSTGRES_PRIMARY",
    reason: "",
    forced: false,
    process: "p",
    at: new Date(0),
  } as const;
  expect(reignsOf([decision], { authority: "redis", term: 7 }).map(({ term }) => term)).toEqual([null, null]);
  expect(reignsOf([decision], { authority: "postgres", term: 7 }).map(({ term }) => term)).toEqual([6, 7]);
  expect(reignsOf([], { authority: null, term: null })).toMatchObject([{ authority: "redis", from: null, to: null }]);
});
