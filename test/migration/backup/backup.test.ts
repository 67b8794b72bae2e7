/** Backups of real stores: what is in them, and that they come back as they were. */
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { BackupError, ConfigurationError, GateRefusedError } from "../../../src/errors.js";
import { removeOld } from "../../../src/migration/backup/remove-old.js";
import { claimsGone, contentOf, rowsOf, type Stores, useBackups } from "./backup-fixture.js";

const fixture = useBackups();

async function fill({ redis, sql, migration }: Stores): Promise<void> {
  await migration.migrateSchema();
  const writing = redis.pipeline();
  for (let n = 0; n < 700; n++) writing.set(`threadr:email:person${n}@example.org`, `{"n": ${n}}`);
  writing.set("threadr:café", "\u2028 \n \r \u0000");
  writing.set(Buffer.from([0xff, 0x00, 0x0a]), Buffer.from([0, 255, 13, 10]), "PX", 5_000_000);
  // One member: of more, each server dumps its own order.
  writing.sadd("set", "a").hset("hash", { a: "1" }).zadd("zset", 1.5, "x").rpush("list", "1", "2");
  writing.xadd("stream", "1-1", "field", "value");
  await writing.exec();
  await migration.backfill();
  await claimsGone(redis);
  await sql.unsafe(`
    CREATE TYPE mood AS ENUM ('good', 'it''s "bad"');
    CREATE TABLE "Odd table" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "a, b" text, c char(5), d timestamptz, e numeric,
      f bytea, g text[], h jsonb, i mood, j float8, k interval, l int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE TABLE a_child (parent int NOT NULL REFERENCES "Odd table", note varchar(3));
    INSERT INTO "Odd table" ("a, b", c, d, e, f, g, h, i, j, k) VALUES
      (E'tab\\t line\\n cr\\r back\\\\slash \\\\N', 'ab', '2026-01-02 03:04:05.123456+02', 12345678901234567890.12345, '\\x00ff0a', ARRAY['a', NULL, '"q"', ''], '{"a": 1.10}', 'it''s "bad"', 0.1, '1 mon 2 days'),
      ('\\N', NULL, NULL, 'NaN', '', '{}', 'null', 'good', 'Infinity', '-1 days'),
      ('', 'x', 'infinity', 0, NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO a_child VALUES (1, 'abc'), (3, NULL);`);
}

test("both stores come back as they were", async () => {
  const { from, to, folder } = fixture();
  await fill(from);
  const made = await from.migration.backup({ folder, postgresBy: "copy" });
  expect(made.manifest).toMatchObject({ label: "nightly", sent: null, redis: { rdbRefused: null } });
  // The definitions of tables that aren't the library's are the user's own matter.
  await to.migration.migrateSchema();
  await to.sql.unsafe(`
    CREATE TYPE mood AS ENUM ('good', 'it''s "bad"');
    CREATE TABLE "Odd table" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "a, b" text, c char(5), d timestamptz, e numeric,
      f bytea, g text[], h jsonb, i mood, j float8, k interval, l int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE TABLE a_child (parent int NOT NULL REFERENCES "Odd table", note varchar(3));`);
  const steps: string[] = [];
  const report = await to.migration.restore({ backup: made.folder, onPlan: (plan) => steps.push(...plan) });
  expect(report.steps).toEqual(steps);
  expect(report.redis?.expired).toBe(0);
  const [wasRedis, wasPostgres] = [await contentOf(from.redis), await rowsOf(from.sql)];
  expect(Object.keys(wasRedis).length).toBeGreaterThan(700);
  expect(await contentOf(to.redis)).toEqual(wasRedis);
  expect(await rowsOf(to.sql)).toEqual(wasPostgres);
  const [next] = await to.sql`INSERT INTO "Odd table" (c) VALUES ('z') RETURNING id`;
  expect(next?.id).toBe(4);
});

test("an empty database gets the library's tables first", async () => {
  const { from, to, folder } = fixture();
  await from.migration.migrateSchema();
  await from.redis.set("threadr:email:ann@example.org", "{}");
  await from.migration.backfill();
  const made = await from.migration.backup({ folder, postgresBy: "copy" });
  const { steps } = await to.migration.restore({ backup: made.folder, only: "postgres" });
  expect(steps[0]).toMatch(/apply the library's migrations/);
  expect(await rowsOf(to.sql)).toEqual(await rowsOf(from.sql));
  expect(await to.redis.dbsize()).toBe(0);
});

test("by pg_dump, where one is installed, the definitions come back too", async ({ skip }) => {
  const { from, to, folder } = fixture();
  await fill(from);
  const made = await from.migration.backup({ folder });
  if (made.manifest.postgres.by !== "pg_dump") skip("there is no pg_dump as new as the server");
  await to.migration.restore({ backup: made.folder, only: "postgres" });
  expect(await rowsOf(to.sql)).toEqual(await rowsOf(from.sql));
  await to.sql`DELETE FROM a_child`;
  await expect(to.migration.restore({ backup: made.folder, only: "postgres" })).rejects.toThrow(
    /isn't empty: it has the tables/,
  );
  await to.migration.restore({ backup: made.folder, only: "postgres", force: true });
  expect(await rowsOf(to.sql)).toEqual(await rowsOf(from.sql));
});

describe("the files", () => {
  test("are for their owner only, named with label and time, and hold what their checksums say", async () => {
    const { from, folder } = fixture();
    await from.redis.set("a", "1");
    const made = await from.migration.backup({ folder, label: "before-release.7" });
    expect(made.folder).toMatch(/\/before-release\.7-\d{8}T\d{6}Z$/);
    expect((await stat(made.folder)).mode & 0o777).toBe(0o700);
    const names = await readdir(made.folder);
    expect(names.sort()).toEqual(["manifest.json", "postgres.sql.gz", "redis.jsonl.gz", "redis.rdb.gz"]);
    for (const name of names) expect((await stat(join(made.folder, name))).mode & 0o777, name).toBe(0o600);
    const [line] = gunzipSync(await readFile(join(made.folder, "redis.jsonl.gz")))
      .toString()
      .trim()
      .split("\n");
    expect(JSON.parse(line as string)).toMatchObject({ key: "a", expiresAt: null });
    expect(
      gunzipSync(await readFile(join(made.folder, "redis.rdb.gz")))
        .subarray(0, 5)
        .toString(),
    ).toBe("REDIS");
    expect(await readdir(folder)).toHaveLength(1);
  });

  test("of the same label go after their days, and nobody else's do", async () => {
    const { from, folder } = fixture();
    const made = await Promise.all(
      ["nightly", "nightly-2"].map((label) => from.migration.backup({ folder, label, postgresBy: "copy" })),
    );
    for (const { folder: one, manifest } of made)
      await writeFile(
        join(one, "manifest.json"),
        JSON.stringify({ ...manifest, createdAt: "2026-01-01T00:00:00.000Z" }),
      );
    const [nightly] = made.map(({ folder: one }) => one.split("/").at(-1) as string);
    await writeFile(join(folder, "nightly-notes.txt"), "mine");
    // Another's file within: the backup goes, the file doesn't.
    const old = "nightly-20260102T000000Z";
    await from.migration.backup({
      folder,
      label: "other",
      postgresBy: "copy",
      after: `cp -r "$DUAL_WRITE_BACKUP" ${folder}/${old}`,
    });
    const copied = JSON.parse(await readFile(join(folder, old, "manifest.json"), "utf8"));
    await writeFile(
      join(folder, old, "manifest.json"),
      JSON.stringify({ ...copied, label: "nightly", createdAt: "2026-01-02T00:00:00.000Z" }),
    );
    await writeFile(join(folder, old, "mine.txt"), "mine");
    const { removed, left } = await from.migration.backup({ folder, label: "weekly", postgresBy: "copy" });
    expect([removed, left]).toEqual([[], []]);
    expect(await removeOld(folder, "nightly", 30, new Date())).toEqual({ removed: [nightly], left: [old] });
    const names = await readdir(folder);
    expect(names).toContain("nightly-notes.txt");
    expect(names.some((name) => name.startsWith("nightly-2-"))).toBe(true);
    expect(await readdir(join(folder, old))).toEqual(["mine.txt"]);
  });

  test("are refused where they were cut or changed, before anything is written", async () => {
    const { from, to, folder } = fixture();
    await from.redis.set("a", "1");
    const { folder: backup } = await from.migration.backup({ folder, postgresBy: "copy" });
    const path = join(backup, "redis.jsonl.gz");
    const { size } = await stat(path);
    await truncate(path, size - 1);
    await expect(to.migration.restore({ backup })).rejects.toThrow(/redis\.jsonl\.gz isn't what its checksum says/);
    expect(await rowsOf(to.sql)).toEqual({});
    await expect(to.migration.restore({ backup: folder })).rejects.toThrow(/isn't a complete backup/);
  });
});

describe("a restore is refused", () => {
  test("into stores that hold something, unless they may be emptied first", async () => {
    const { from, to, folder } = fixture();
    await fill(from);
    await from.sql`DROP TABLE a_child, "Odd table"`;
    const { folder: backup } = await from.migration.backup({ folder, postgresBy: "copy" });
    await to.redis.set("mine", "1");
    await to.migration.migrateSchema();
    await to.sql`INSERT INTO dual_write_leases VALUES ('mine', 'DUAL_WRITE', 1, 'h', 1, '2000-01-01')`;
    await expect(to.migration.restore({ backup })).rejects.toThrow(/database isn't empty: it has rows in public\./);
    await expect(to.migration.restore({ backup, only: "redis" })).rejects.toThrow(/Redis isn't empty: .* 1 keys/);
    expect(await to.redis.keys("*")).toEqual(["mine"]);
    const dry = await to.migration.restore({ backup, force: true, dryRun: true });
    expect(dry.steps.join("\n")).toMatch(/remove all rows of public\.[\s\S]*remove all 1 keys/);
    expect(await to.redis.keys("*")).toEqual(["mine"]);
    await to.migration.restore({ backup, force: true });
    expect(await contentOf(to.redis)).toEqual(await contentOf(from.redis));
    expect(await rowsOf(to.sql)).toEqual(await rowsOf(from.sql));
  });

  test("while processes use the stores", async () => {
    const { from, folder } = fixture();
    await from.migration.migrateSchema();
    const { folder: backup } = await from.migration.backup({ folder, postgresBy: "copy" });
    await from.sql`INSERT INTO dual_write_leases VALUES ('p', 'DUAL_WRITE', 1, 'host-7', 42, now() + interval '10 seconds')`;
    const refused = from.migration.restore({ backup, force: true });
    await expect(refused).rejects.toThrow(GateRefusedError);
    await expect(refused).rejects.toThrow(/host-7:42 DUAL_WRITE/);
  });

  test("where a table that isn't the library's is missing", async () => {
    const { from, to, folder } = fixture();
    await from.sql`CREATE TABLE orders (id int)`;
    const { folder: backup } = await from.migration.backup({ folder, postgresBy: "copy" });
    await expect(to.migration.restore({ backup })).rejects.toThrow(/lacks public\.orders/);
    expect(await rowsOf(to.sql)).toEqual({});
  });

  test("whole, where Postgres refuses one row of it", async () => {
    const { from, to, folder } = fixture();
    await from.sql.unsafe("CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 2500)");
    const { folder: backup } = await from.migration.backup({ folder, postgresBy: "copy" });
    await to.sql`CREATE TABLE orders (id int CHECK (id < 2400))`;
    await expect(to.migration.restore({ backup })).rejects.toThrow(/violates check constraint/);
    const [row] = await to.sql`SELECT count(*)::int AS count FROM orders`;
    expect(row?.count).toBe(0);
  });
});

describe("a backup that fails", () => {
  test("in the command that sends it elsewhere is a failure, and no recent backup", async () => {
    const { from, folder } = fixture();
    const failing = from.migration.backup({
      folder,
      after: 'test -f "$DUAL_WRITE_BACKUP/manifest.json" && echo no space >&2; exit 7',
    });
    await expect(failing).rejects.toThrow(BackupError);
    await expect(failing).rejects.toThrow(/failed \(7\)[\s\S]*no space/);
    await expect(from.migration.requireRecentBackup({ folder })).rejects.toThrow(/wasn't sent elsewhere/);
    const sent = await from.migration.backup({ folder, label: "sent", after: "exit 0" });
    expect(sent.manifest.sent).toBe(true);
    expect((await from.migration.requireRecentBackup({ folder })).folder).toBe(sent.folder);
  });

  test("or is stopped half-way leaves nothing behind", async () => {
    const { from, folder } = fixture();
    await fill(from);
    const stop = new AbortController();
    const stopped = from.migration.backup({
      folder,
      signal: stop.signal,
      onProgress: ({ phase, done }) => phase === "redis" && done > 0 && stop.abort(),
    });
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ["a label that is a path", { label: "../x" }],
    ["no days", { keepDays: 0 }],
    ["an empty command", { after: " " }],
  ])("for %s is refused before anything is written", async (_, options) => {
    const { from, folder } = fixture();
    await expect(from.migration.backup({ folder, ...options })).rejects.toThrow(ConfigurationError);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("a recent backup", () => {
  test("is complete, young enough, of the same stores, with its files", async () => {
    const { from, to, folder } = fixture();
    await expect(from.migration.requireRecentBackup({ folder: join(folder, "none") })).rejects.toThrow(
      /there is none in/,
    );
    const made = await from.migration.backup({ folder, postgresBy: "copy" });
    expect((await from.migration.requireRecentBackup({ folder })).folder).toBe(made.folder);
    await expect(to.migration.requireRecentBackup({ folder })).rejects.toThrow(/another Postgres database/);
    const aged = { ...made.manifest, createdAt: new Date(Date.now() - 25 * 3_600_000).toISOString() };
    await writeFile(join(made.folder, "manifest.json"), JSON.stringify(aged));
    await expect(from.migration.requireRecentBackup({ folder })).rejects.toThrow(/25 hours old; 24 are allowed/);
    expect((await from.migration.requireRecentBackup({ folder, withinHours: 26 })).folder).toBe(made.folder);
    await truncate(join(made.folder, "postgres.sql.gz"), 3);
    await expect(from.migration.requireRecentBackup({ folder, withinHours: 26 })).rejects.toThrow(
      /has not all of its file postgres\.sql\.gz/,
    );
  });
});
