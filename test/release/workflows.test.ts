/** The workflows: in which order a release's jobs run, and that a failing backup stops the migration. */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { ROOT, readYaml } from "./files.js";

const SCRIPT = join(ROOT, "scripts/backup-and-migrate.sh");
const ci = readYaml(".github/workflows/ci.yml");
const release = readYaml(".github/workflows/release.yml");

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly if?: string;
  readonly "continue-on-error"?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

describe("the release workflow", () => {
  const steps: readonly Step[] = release.jobs.migrate.steps;

  test("checks, then backs up and migrates, then releases, each only if the one before succeeded", () => {
    expect(release.jobs.migrate.needs).toBe("check");
    expect(release.jobs.release.needs).toBe("migrate");
    expect(release.jobs.check.uses).toBe("./.github/workflows/ci.yml");
    expect(ci.on).toHaveProperty("workflow_call");
    for (const job of Object.values<{ if?: string; steps?: Step[] }>(release.jobs)) {
      expect(job.if).toBeUndefined();
      for (const step of job.steps ?? []) expect([step.if, step["continue-on-error"]]).toEqual([undefined, undefined]);
    }
  });

  test("migrates by the one script that makes a backup first, labelled with the tag", () => {
    const migrating = steps.filter(({ run }) => /migrate/.test(run ?? ""));
    expect(migrating.map(({ run }) => run)).toEqual(['scripts/backup-and-migrate.sh "release-$GITHUB_REF_NAME"']);
    expect(migrating[0]?.env).toMatchObject({ DUAL_WRITE: "node dist/cli/main.js" });
    expect(Object.keys(migrating[0]?.env ?? {})).toEqual(
      expect.arrayContaining(["REDIS_URL", "DATABASE_URL", "BACKUP_AFTER"]),
    );
    expect(release.jobs.migrate.environment).toBe("production");
  });

  test("runs on tags, one at a time, with no more rights than it needs", () => {
    expect(release.on).toEqual({ push: { tags: ["v*"] } });
    expect(release.concurrency).toEqual({ group: "release", "cancel-in-progress": false });
    expect(release.permissions).toEqual({ contents: "read" });
    expect(release.jobs.migrate.permissions).toBeUndefined();
  });
});

test("every script that a workflow runs is there and can be run", () => {
  const jobs = [...Object.values(ci.jobs), ...Object.values(release.jobs)] as { steps?: Step[] }[];
  const runs = jobs.flatMap(({ steps = [] }) => steps.map(({ run }) => run ?? ""));
  const scripts = runs.flatMap((run) => run.match(/(?:^|\s)((?:scripts|\.ci)\/[\w.-]+)/)?.[1] ?? []);
  expect(scripts).toEqual([".ci/run", "scripts/backup-and-migrate.sh"]);
  for (const script of scripts) accessSync(join(ROOT, script), constants.X_OK);
});

describe("the script that a release calls", () => {
  let redis: RedisServer;
  let database: FreshDatabase;
  let folder: string;

  beforeAll(async () => {
    [redis, database, folder] = await Promise.all([
      freshRedis({ args: ["--repl-diskless-sync-delay", "0"] }),
      freshDatabase(),
      mkdtemp(join(tmpdir(), "release-")),
    ]);
  });
  afterAll(async () => {
    await Promise.all([redis?.stop(), database?.drop(), rm(folder, { recursive: true, force: true })]);
  });

  function run(args: readonly string[], env: Record<string, string>): Promise<{ code: number; output: string }> {
    const { CI: _ci, REDIS_URL: _redis, DATABASE_URL: _database, ...rest } = process.env;
    return new Promise((resolve) => {
      execFile(SCRIPT, args, { env: { ...rest, ...env }, cwd: folder }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
      );
    });
  }

  /** A `dual-write` that notes what it is asked for and fails at one command. */
  async function stub(failing: string): Promise<{ command: string; calls: () => Promise<string[]> }> {
    const [command, log] = [join(folder, `stub-${failing}`), join(folder, `calls-${failing}`)];
    await writeFile(command, `#!/bin/sh\necho "$*" >> "${log}"\n[ "$1" != "${failing}" ]\n`);
    await chmod(command, 0o755);
    return { command, calls: async () => (await readFile(log, "utf8")).trimEnd().split("\n") };
  }

  test("makes a labelled backup, then migrates", async () => {
    const { command, calls } = await stub("nothing");
    expect(await run(["release-v1"], { DUAL_WRITE: command, BACKUP_AFTER: "send it" })).toMatchObject({ code: 0 });
    expect(await calls()).toEqual(["backup --label release-v1 --after send it", "migrate-schema"]);
  });

  test("stops when the backup fails, before anything is migrated", async () => {
    const { command, calls } = await stub("backup");
    expect((await run(["release-v1"], { DUAL_WRITE: command })).code).not.toBe(0);
    expect(await calls()).toEqual(["backup --label release-v1"]);
  });

  test("fails when the migration fails", async () => {
    const { command } = await stub("migrate-schema");
    expect((await run(["release-v1"], { DUAL_WRITE: command })).code).not.toBe(0);
  });

  test("asks for a label, and in CI for where the backup goes", async () => {
    const { command } = await stub("usage");
    expect(await run([], { DUAL_WRITE: command })).toMatchObject({ code: 2, output: expect.stringMatching(/usage/) });
    expect(await run(["v1"], { DUAL_WRITE: command, CI: "true" })).toMatchObject({
      code: 2,
      output: expect.stringMatching(/BACKUP_AFTER/),
    });
  });

  test("with the real command leaves the database as it is when the backup can't be sent, and migrates when it can", async () => {
    const env = {
      DUAL_WRITE: `${process.execPath} --import ${import.meta.resolve("tsx")} ${join(ROOT, "src/cli/main.ts")}`,
      REDIS_URL: redis.url,
      DATABASE_URL: database.url,
      CI: "true",
    };
    const sql = postgres(database.url, { max: 1, onnotice: () => {} });
    const tables = async () =>
      Number((await sql`SELECT count(*) FROM pg_tables WHERE tablename LIKE 'dual_write_%'`)[0]?.count);
    try {
      const failed = await run(["release-v2"], { ...env, BACKUP_AFTER: "exit 7" });
      expect(failed.code).not.toBe(0);
      expect(await tables()).toBe(0);
      const sent = join(folder, "sent");
      const done = await run(["release-v2"], { ...env, BACKUP_AFTER: `echo "$DUAL_WRITE_BACKUP" > ${sent}` });
      expect(done.code, done.output).toBe(0);
      expect(await readFile(sent, "utf8")).toContain("release-v2-");
      expect(await tables()).toBeGreaterThan(0);
    } finally {
      await sql.end({ timeout: 1 });
    }
  }, 60_000);
});
