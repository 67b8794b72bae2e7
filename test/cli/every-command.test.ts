/** What holds for each command, one by one: usage, stores that are away, JSON, and Ctrl-C. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { pino } from "pino";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { DualWriteStore } from "../../src/index.js";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { waitFor } from "../support/wait-for.js";
import { allCommands } from "./all-commands.js";
import { runHere } from "./run-here.js";

const RUN = "0b1f3c5e-8d59-4c1f-9f52-3f0f1f6f7a10";
const folder = mkdtempSync(join(tmpdir(), "dual-write-every-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whoever gets as far as asking a store doesn't end with 2. */
const AWAY = {
  REDIS_URL: "redis://:secret-word@127.0.0.1:1",
  DATABASE_URL: "postgres://app:secret-word@127.0.0.1:1/app",
};

/** Words of a line; what stands in quotes is one. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? (plain as string));
}

/** What each command must be given. */
const NEEDED: Readonly<Record<string, string>> = {
  restore: ".",
  "undo-backfill": RUN,
  "rejects show": "1",
  "rejects export": "--to out.jsonl",
  "rejects drop": "1 --reason why",
  flip: "DUAL_WRITE",
};

test.each(allCommands())("`$name` refuses an option that it doesn't know, with 2", async ({ name }) => {
  const { code, stdout, stderr } = await runHere([...words(`${name} ${NEEDED[name] ?? ""}`), "--fast"], AWAY);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/unknown option '--fast'/);
});

describe("exits with 2 before any store is asked:", () => {
  const cases: readonly (readonly [line: string, message: RegExp])[] = [
    ["bakfill", /unknown command 'bakfill'/],
    ["doctor --zone Mars", /Mars/],
    ["audit --rate 0", /whole number from 1/],
    ["audit --batch-size 6000", /pageSize.*from 1 to 5000/],
    ["audit --sample -1", /whole number/],
    ["audit --top 5000", /top.*from 0 to 1000/],
    ["audit --max-memory lots", /size such as 512MB/],
    ["audit --max-grants many", /whole number/],
    ["audit --backfill-rate 1.5", /whole number/],
    ["audit --redis-url mysql://h/", /redis:\/\//],
    ["audit --html /nowhere/audit.html", /\/nowhere\/audit\.html: can't be written/],
    ["plan --html /nowhere/plan.html", /can't be written/],
    ["plan --config none.ts", /there is no file/],
    ["backup --label ../elsewhere", /label/],
    ["backup --keep-days 0", /whole number from 1/],
    ['backup --after " "', /after: an empty command/],
    ["backup --postgres-by magic", /auto, pg_dump, copy/],
    ["backup --rate x", /whole number/],
    ["restore", /missing required argument 'folder'/],
    ["restore /nowhere", /there is no folder \/nowhere/],
    ["restore . --only disk", /redis, postgres/],
    ["restore . --redis-by disk", /keys, rdb/],
    ["migrate-schema --backup-within 0", /whole number from 1/],
    ['migrate-schema --without-backup ""', /say why/],
    ["migrate-schema --without-backup x --backup-first", /not together/],
    ["backfill --batch-size 6000", /pageSize.*from 1 to 5000/],
    ["backfill --concurrency 17", /concurrency.*from 1 to 16/],
    ["backfill --rate fast", /whole number/],
    ["backfill --priority urgent", /critical, high, medium, low/],
    ["backfill --collection people", /there is no "people"/],
    ["backfill --table people", /people/],
    ["backfill --max-rejects -1", /whole number/],
    ["backfill --resume --restart", /not together/],
    ["backfill --dry-run --validate-only", /not together/],
    ["backfill --reverse --dry-run", /'--reverse' cannot be used with option '--dry-run'/],
    ["backfill --reverse --batch-size 5", /cannot be used with/],
    ["backfill --reverse --rate 0", /at least 1|from 1|whole number/],
    ["backfill --reverse --no-rollback", /cannot be used with/],
    ["undo-backfill", /missing required argument/],
    ["rejects list --collection people", /there is no "people"/],
    ["rejects list --limit 0", /whole number/],
    ["rejects show first", /whole number/],
    ["rejects export", /required option '--to <file>'/],
    ["rejects export --to /nowhere/out.jsonl", /--to: can't be written/],
    ["rejects retry first", /whole number/],
    ["rejects drop 1", /required option '--reason/],
    ['rejects drop 1 --reason ""', /say why/],
    ["rejects drop --reason why", /missing required argument/],
    ["verify --sample 0%", /share such as 5%/],
    ["verify --sample 101%", /share such as 5%/],
    ["verify --collection people", /there is no "people"/],
    ["verify --watch --interval 0", /whole number/],
    ["status --interval soon", /whole number/],
    ["flip", /missing required argument 'strategy'/],
    ["flip SIDEWAYS", /REDIS_PRIMARY, DUAL_WRITE/],
    ["flip DUAL_WRITE --force", /reason: a forced passage needs one/],
    ["flip DUAL_WRITE --timeout soon", /whole number/],
    ["flip DUAL_WRITE --strategy-file /nowhere/strategy", /strategyFile: there is no file/],
    ["rollback --timeout 0", /whole number/],
    ["rollback --force", /reason: a forced passage needs one/],
    ["phase-out --start tomorrow", /date as 2027-01-31/],
    ["phase-out --start 2027-13-45", /date as 2027-01-31/],
    ["phase-out --finish", /reason/],
    ["phase-out --finish --reason x --observe 0", /whole number/],
    ["phase-out --finish --reason x --project none", /none can't be read/],
    ["report --html /nowhere/report.html", /can't be written/],
    ["sweep --batch-size 6000", /pageSize.*from 1 to 5000/],
    ["sweep --rate 0", /whole number/],
    ["drain now", /too many arguments/],
    ["drain --database-url mysql://h/app", /postgres:\/\//],
  ];

  test.each(cases)("%s", async (line, message) => {
    const { code, stdout, stderr } = await runHere(words(line), AWAY);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("a command that needs Redis without one", async () => {
    const { code, stderr } = await runHere(["verify"], { ...AWAY, REDIS_URL: "" });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/set REDIS_URL/) });
  });

  test.each(["/proc/backups", "/proc/some/backups", "/dev/null/backups"])(
    "a log file in a folder that can't be made: %s",
    async (path) => {
      const { code, stderr } = await runHere(["plan"], AWAY, `${path}/run.jsonl`);
      expect(stderr).toMatch(/--log-file: can't be written: E/);
      expect(code).toBe(2);
    },
  );
});

describe("says what to do when neither store answers, without a password:", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** What it ends with: 3, or what it says of a store that is away is its result. */
  const cases: readonly (readonly [line: string, code: number])[] = [
    ["doctor", 1],
    ["audit", 3],
    ["plan", 0],
    [`backup --backups "${folder}"`, 3],
    ["migrate-schema", 3],
    ["backfill", 3],
    ["backfill --dry-run", 3],
    ["backfill --polite", 3],
    ["backfill --reverse", 3],
    [`undo-backfill ${RUN}`, 3],
    ["rejects list", 3],
    ["rejects show 1", 3],
    [`rejects export --to "${folder}/rejects.jsonl"`, 3],
    ["rejects retry", 3],
    ["rejects drop 1 --reason why", 3],
    ["verify", 3],
    ["verify --sample 5%", 3],
    ["status", 1],
    ["flip DUAL_WRITE", 3],
    ["rollback", 3],
    ["phase-out", 3],
    ["phase-out --finish --reason why", 3],
    ["report", 1],
    ["sweep", 3],
    ["drain", 3],
  ];

  test.each(cases)("%s", async (line, expected) => {
    let isOver = false;
    const running = runHere([...words(line), "--json"], AWAY).finally(() => {
      isOver = true;
    });
    // Fifteen seconds of patience, without waiting for them.
    while (!isOver) {
      await vi.advanceTimersByTimeAsync(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { code, stdout, stderr } = await running;
    expect(code).toBe(expected);
    expect(stdout + stderr).not.toContain("secret-word");
    if (code !== 3) return expect(() => JSON.parse(stdout)).not.toThrow();
    expect(stdout).toBe("");
    expect(stderr).toMatch(/(servers answer|check the stores).*run it again/);
  });

  test("each command is in that list, but restore, which reads its backup first", () => {
    const asked = cases.map(([line]) => line);
    const missing = allCommands().filter(({ name }) => !asked.some((line) => line.startsWith(name)));
    expect(missing.map(({ name }) => name)).toEqual(["restore"]);
  });

  test("an export that failed leaves no file, which the next one would stumble over", () => {
    expect(() => readFileSync(join(folder, "rejects.jsonl"))).toThrow(/ENOENT/);
  });
});

describe("with both stores", () => {
  const PEOPLE = 120;
  let server: RedisServer;
  let database: FreshDatabase;
  let redis: Redis;
  let env: Record<string, string>;

  beforeAll(async () => {
    server = await freshRedis({ args: ["--repl-diskless-sync-delay", "0"] });
    redis = new Redis(server.url);
  });

  beforeEach(async () => {
    await redis.flushall();
    database = await freshDatabase();
    env = {
      REDIS_URL: server.url,
      DATABASE_URL: database.url,
      DUAL_WRITE_BACKUPS: join(folder, database.url.slice(-8)),
    };
    const pipeline = redis.pipeline();
    for (let n = 0; n < PEOPLE; n++) pipeline.set(`threadr:email:person${n}@example.org`, '{"source": "landing"}');
    await pipeline.exec();
  });

  afterEach(() => database.drop());

  afterAll(async () => {
    redis?.disconnect();
    await server?.stop();
  });

  const run = (line: string, logFile?: string) => runHere(words(line), env, logFile);

  test("--json prints one document and nothing else, of each command", async () => {
    await redis.set("threadr:email:cut@example.org", "{");
    const json = async (line: string) => {
      const { code, stdout, stderr } = await run(`${line} --json --quiet`);
      expect(stderr, line).toBe("");
      return { code, result: JSON.parse(stdout) };
    };
    for (const line of ["doctor", "audit --no-require", "plan", "migrate-schema"]) await json(line);
    const { result: made } = await json("backup");
    await json(`restore "${made.folder}" --dry-run --force`);
    await json("backfill --dry-run");
    await json("backfill --validate-only");
    const { result: copied } = await json("backfill");
    expect(copied.counts).toMatchObject({ copied: PEOPLE, setAside: 1 });
    const { result: list } = await json("rejects list");
    expect(list.rejects).toHaveLength(1);
    await json(`rejects show ${list.rejects[0].row}`);
    expect(await json("rejects show 9999")).toEqual({ code: 1, result: null });
    expect(await run("undo-backfill last-night")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there is no backfill last-night/),
    });
    await json(`rejects export --to "${join(folder, "export.jsonl")}"`);
    await json("rejects retry");
    await json(`rejects drop ${list.rejects[0].row} --reason test`);
    await redis.del("threadr:email:cut@example.org");
    expect(await json("verify")).toMatchObject({ code: 0, result: { clean: true } });
    for (const line of ["status", "flip DUAL_WRITE --dry-run", "report", "sweep", "drain", "phase-out"])
      await json(line);
    await json(`undo-backfill ${copied.runId}`);
  });

  describe("stops on Ctrl-C in the middle, and the next run comes to the end:", () => {
    /** Runs a line, and is Ctrl-C when its log file has a line of this kind. */
    async function interrupt(line: string, at: RegExp) {
      const before = process.listeners("SIGINT");
      const log = join(folder, `${Math.random()}.jsonl`);
      let isOver = false;
      const running = run(line, log).finally(() => {
        isOver = true;
      });
      await waitFor(() => isOver || at.test(readIfThere(log)), { timeoutMs: 20_000, everyMs: 5 });
      expect(isOver).toBe(false);
      for (const listener of process.listeners("SIGINT")) if (!before.includes(listener)) listener("SIGINT");
      const ran = await running;
      expect(process.listeners("SIGINT")).toEqual(before);
      return ran;
    }

    const PROGRESS = /"type":"progress"/;
    const RESULT = /"type":"result"/;

    test("audit", async () => {
      const stopped = await interrupt("audit --no-require --rate 40 --batch-size 10 --json", PROGRESS);
      expect(stopped.code).toBe(3);
      expect(JSON.parse(stopped.stdout)).toMatchObject({ state: "stopped" });
      const { code, stdout } = await run("audit --no-require --json");
      expect({ code, distinct: JSON.parse(stdout).keys.distinct }).toEqual({ code: 0, distinct: PEOPLE });
    });

    test("backup", async () => {
      const stopped = await interrupt("backup --rate 20", PROGRESS);
      expect(stopped).toMatchObject({
        code: 3,
        stdout: "",
        stderr: expect.stringMatching(/run the same command again/),
      });
      const { code, stdout } = await run("backup --json");
      expect({ code, keys: JSON.parse(stdout).manifest.redis.keys }).toEqual({ code: 0, keys: PEOPLE });
    });

    test("backfill, polite or not; verify; undo-backfill", async () => {
      await run("migrate-schema");
      for (const polite of ["", "--polite"]) {
        const stopped = await interrupt(`backfill --rate 40 --batch-size 10 --json ${polite}`, PROGRESS);
        expect(stopped).toMatchObject({ code: 3, stderr: expect.stringMatching(/Stopping/) });
        expect(JSON.parse(stopped.stdout)).toMatchObject({ state: "stopped", addsUp: true });
      }
      const { code, stdout } = await run("backfill --json");
      const report = JSON.parse(stdout);
      expect(code).toBe(0);
      expect(report).toMatchObject({ state: "finished", resumed: true, counts: { seen: PEOPLE, copied: PEOPLE } });

      expect(await interrupt("verify --rate 40", PROGRESS)).toMatchObject({ code: 3, stdout: "" });
      expect(await interrupt("verify --watch --interval 1000 --json", RESULT)).toMatchObject({ code: 0 });
      expect(await interrupt("status --watch --interval 1000 --json", RESULT)).toMatchObject({ code: 0 });
      expect((await run("verify")).code).toBe(0);
      expect((await run(`undo-backfill ${report.runId}`)).code).toBe(0);
      const sql = postgres(database.url, { max: 1, onnotice: () => {} });
      expect(await sql`SELECT FROM users`).toHaveLength(0);
      await sql.end();
    });

    test("flip, which waits for the fleet", async () => {
      await run("migrate-schema");
      const { REDIS_URL, DATABASE_URL } = env as { REDIS_URL: string; DATABASE_URL: string };
      const backend = await DualWriteStore.open({
        redis: REDIS_URL,
        postgres: DATABASE_URL,
        strategy: "REDIS_PRIMARY",
        logger: pino({ level: "silent" }),
      });
      try {
        const stopped = await interrupt("flip DUAL_WRITE --json", /Waiting for/);
        expect(stopped).toMatchObject({ code: 3 });
        expect(JSON.parse(stopped.stdout)).toMatchObject({ state: "waiting", recorded: true });
        await backend.setStrategy("DUAL_WRITE");
        const { code, stdout } = await run("flip DUAL_WRITE --json");
        expect({ code, state: JSON.parse(stdout).state }).toEqual({ code: 0, state: "done" });
      } finally {
        await backend.close();
      }
    });
  });
});

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
