/** The privileges that `doctor --privileges` prints suffice: for backends, for every command, and for a restore. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DualWriteStore, fromFile, Migration } from "../../src/index.js";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { silent } from "../support/pair.js";
import { runHere } from "./run-here.js";

vi.setConfig({ testTimeout: 90_000 });

const suffix = randomBytes(4).toString("hex");
const named = (text: string) =>
  text.replaceAll(/\bdual_write(_owner|_operator|)\b(?! migr)/g, `dual_write$1_${suffix}`);

let server: RedisServer;
let database: FreshDatabase;
let empty: FreshDatabase;
let redis: Redis;
let sql: postgres.Sql;
let folder: string;

beforeAll(async () => {
  server = await freshRedis({ appendonly: true, args: ["--repl-diskless-sync-delay", "0"] });
  [database, empty] = await Promise.all([freshDatabase(), freshDatabase()]);
  redis = new Redis(server.url);
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
  folder = await mkdtemp(join(tmpdir(), "dual-write-privileges-"));
});

afterAll(async () => {
  redis?.disconnect();
  await sql?.end({ timeout: 1 });
  await Promise.all([database?.drop(), empty?.drop()]);
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

function as(url: string, user: string): string {
  const own = new URL(url);
  [own.username, own.password] = [user, "PASSWORD"];
  return own.href;
}

function stores(user: string, role: string) {
  return { REDIS_URL: as(server.url, user), DATABASE_URL: as(database.url, `${role}_${suffix}`) };
}

/** Runs a command and sees that nothing was refused on its way. */
async function run(env: Record<string, string>, line: string, exits = [0]): Promise<string> {
  const { code, stdout, stderr } = await runHere([...line.split(" "), "--verbose"], env);
  expect(exits, `${line}\n${stdout}${stderr}`).toContain(code);
  expect(stdout + stderr, line).not.toMatch(/NOPERM|no permissions|permission denied|must be (owner|superuser)/i);
  return stdout;
}

test("each under its own", async () => {
  const migration = await Migration.open({ redis: server.url, postgres: database.url });
  const { privileges } = await migration.doctor().finally(() => migration.close());
  for (const acl of Object.values(privileges.redis)) await redis.call("ACL", ...acl.split(" ").slice(1));
  const [forOwner, forBackend, forOperator] = named(privileges.postgres).split(
    /(?=-- For backends|-- For all other)/,
  ) as [string, string, string];
  await sql.unsafe(forOwner);
  try {
    await run(stores("dual-write-operator", "dual_write_owner"), "migrate-schema");
    await sql.unsafe(forBackend);
    await sql.unsafe(forOperator);
    await walkWith(stores("dual-write", "dual_write"), stores("dual-write-operator", "dual_write_operator"));
    await restoreInto(forOwner);
  } finally {
    for (const role of ["dual_write_operator", "dual_write", "dual_write_owner"]) {
      const other = postgres(empty.url, { max: 1, onnotice: () => {} });
      for (const one of [other, sql]) await one.unsafe(`DROP OWNED BY ${role}_${suffix}`).catch(() => {});
      await other.end();
      await sql.unsafe(`DROP ROLE IF EXISTS ${role}_${suffix}`);
    }
  }
});

async function walkWith(backend: Record<string, string>, operator: Record<string, string>): Promise<void> {
  await redis.set("threadr:email:old@example.org", '{"source": "landing"}');
  await redis.sadd("threadr:emails:list", "old@example.org");
  await redis.hset("threadr:usage:stats", "total_threads", "7");
  await redis.set("elsewhere", "1");
  await redis.lpush("bull:mail:wait", "1");
  const file = join(folder, "strategy");
  await writeFile(file, "REDIS_PRIMARY");
  const store = await DualWriteStore.open({
    redis: backend.REDIS_URL,
    postgres: backend.DATABASE_URL,
    strategy: fromFile(file, 50),
    logger: silent,
  });
  const flip = (to: string) => run(operator, `flip ${to} --strategy-file ${file} --reason a-test`);
  try {
    const user = await store.users.create({ email: "new@example.org" });
    await store.users.delete((await store.users.create({ email: "gone@example.org" })).id);
    await store.subscriptions.grantPremium({ email: "new@example.org" }, { plan: "pro", days: 30 });
    await store.usage.track({ userId: user.id });
    const doctor = await run(operator, "doctor --json", [0, 1]);
    for (const finding of JSON.parse(doctor).findings)
      if (finding.name === "privileges") expect(finding).toMatchObject({ severity: "ok", figure: "suffice" });
    const audit = JSON.parse(await run(operator, "audit --json --check-values", [0, 1]));
    expect(audit.memory.bytes).toBeGreaterThan(0);
    expect(audit.oldest).toEqual(expect.any(Array));
    await run(operator, "plan");
    await run(operator, `backup --backups ${folder}/backups --postgres-by copy`);
    await run(operator, "backfill --dry-run");
    const { runId } = JSON.parse(await run(operator, "backfill --json"));
    await run(operator, `undo-backfill ${runId}`);
    await run(operator, "backfill --restart");
    await run(operator, "rejects list");
    await flip("DUAL_WRITE");
    await run(operator, "verify --repair");
    await flip("POSTGRES_PRIMARY");
    await store.users.update(user.id, (one) => ({ ...one, role: "premium" }));
    await run(operator, "backfill --reverse");
    await run(operator, `rollback --strategy-file ${file}`);
    await run(operator, "drain");
    await run(operator, "verify");
    await flip("POSTGRES_PRIMARY");
    await run(operator, "sweep");
    await run(operator, "status");
    await flip("POSTGRES_ONLY");
    await run(operator, `phase-out --finish --observe 1 --reason a-test --project ${folder}`, [0, 1]);
    await run(operator, `report --logs ${folder} --html ${folder}/report.html`);
  } finally {
    await store.close();
  }
}

async function restoreInto(forOwner: string): Promise<void> {
  const other = postgres(empty.url, { max: 1, onnotice: () => {} });
  // The role is there already; what it may do is said for each database.
  await other.unsafe(
    forOwner
      .split("\n")
      .filter((line) => line.startsWith("GRANT"))
      .join("\n")
      .replaceAll(database.name, empty.name),
  );
  await other.end();
  const [backup] = await readdir(join(folder, "backups"));
  const env = {
    REDIS_URL: as(`${server.url}/1`, "dual-write-restore"),
    DATABASE_URL: as(empty.url, `dual_write_owner_${suffix}`),
  };
  await redis.pipeline().select(1).set("stands", "1").select(0).exec();
  expect(await run(env, `restore ${folder}/backups/${backup} --force`)).toMatch(/Redis has \d+ keys again/);
}
