/** What the runbook is followed in: two servers with a small legacy keyspace, a folder with a shell, and a fleet under traffic. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import type { RedisServer } from "../servers/redis-server.js";
import { bundleProgram } from "../support/bundle.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { waitFor } from "../support/wait-for.js";

const PROCESSES = 2;
const TRIES = 20;
export const SIGN_UPS = 40;

export interface Ran {
  readonly code: number;
  readonly output: string;
}

interface Servers {
  readonly redis: RedisServer;
  readonly database: FreshDatabase;
}

async function startServers(): Promise<Servers> {
  const [redis, database] = await Promise.all([
    freshRedis({ appendonly: true, args: ["--repl-diskless-sync-delay", "0", "--maxmemory-policy", "noeviction"] }),
    freshDatabase(),
  ]);
  return { redis, database };
}

export class World {
  readonly #redis: RedisServer;
  readonly #database: FreshDatabase;
  /** A pair that nobody uses, to restore into. */
  readonly #empty: Servers;
  readonly #folder: string;
  readonly #backend: string;
  readonly #fleet: { readonly child: ChildProcess; readonly port: number }[] = [];
  #traffic: Promise<void> | null = null;
  #ended = false;
  /** Uses that were acknowledged. */
  acknowledged = 0;
  /** What a use was answered in the end that wasn't. */
  readonly refused: string[] = [];

  private constructor(servers: Servers, empty: Servers, folder: string, backend: string) {
    this.#redis = servers.redis;
    this.#database = servers.database;
    this.#empty = empty;
    this.#folder = folder;
    this.#backend = backend;
  }

  static async begin(): Promise<World> {
    const [servers, empty, folder] = await Promise.all([
      startServers(),
      startServers(),
      mkdtemp(join(tmpdir(), "runbook-")),
    ]);
    const [cli, backend] = await Promise.all([
      bundleProgram("src/cli/main.ts", join(folder, "programs")),
      bundleProgram("examples/backend/server.ts", join(folder, "programs")),
    ]);
    const world = new World(servers, empty, folder, backend);
    await mkdir(join(folder, "bin"));
    await mkdir(join(folder, "work"));
    await world.#program("dual-write", `exec "${process.execPath}" "${cli}" "$@"`);
    await world.#program("redis-cli", `exec "${process.execPath}" "${await world.#redisCli()}" "$@"`);
    await writeFile(
      join(folder, "work", ".env"),
      `REDIS_URL=${servers.redis.url}\nDATABASE_URL=${servers.database.url}\n`,
    );
    await world.withRedis(writeLegacyKeyspace);
    return world;
  }

  /** Runs a block of the runbook as its reader would. */
  run(code: string): Promise<Ran> {
    const { REDIS_URL: _r, DATABASE_URL: _d, DUAL_WRITE_STRATEGY: _s, CI: _c, ...rest } = process.env;
    const env = {
      ...rest,
      PATH: `${join(this.#folder, "bin")}${delimiter}${process.env.PATH}`,
      STRATEGY_FILE: this.#strategyFile,
      REDIS_URL: this.#redis.url,
      EMPTY_REDIS_URL: this.#empty.redis.url,
      EMPTY_DATABASE_URL: this.#empty.database.url,
    };
    return new Promise((resolve) => {
      execFile("bash", ["-euo", "pipefail", "-c", code], { cwd: join(this.#folder, "work"), env }, (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, output: out + err }),
      );
    });
  }

  /** Starts the backends, and people who use them until the end. */
  async deploy(): Promise<void> {
    for (let i = 0; i < PROCESSES; i++) this.#fleet.push(await this.#start());
    this.#traffic = this.#useThem();
  }

  /** What a person's requests were counted to, by the backend. */
  async used(): Promise<number> {
    let body: unknown;
    await waitFor(async () => {
      const answer = await this.#post(0, "/uses", { userId: "runner", operationId: "last" });
      body = answer.body;
      return answer.status === 200;
    });
    return (body as { today: number }).today;
  }

  async withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.#redis.url);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  async query<T extends object>(text: string): Promise<T[]> {
    const sql = postgres(this.#database.url, { max: 1, onnotice: () => {} });
    try {
      return (await sql.unsafe(text)) as unknown as T[];
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  /** Lets the people finish; what they were answered is known then. */
  async endTraffic(): Promise<void> {
    this.#ended = true;
    await this.#traffic;
  }

  async end(): Promise<void> {
    await this.endTraffic();
    for (const { child } of this.#fleet) {
      if (child.exitCode !== null) continue;
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    for (const { redis, database } of [{ redis: this.#redis, database: this.#database }, this.#empty])
      await Promise.all([redis.stop(), database.drop()]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #strategyFile(): string {
    return join(this.#folder, "strategy");
  }

  async #program(name: string, line: string): Promise<void> {
    const path = join(this.#folder, "bin", name);
    await writeFile(path, `#!/bin/sh\n${line}\n`);
    await chmod(path, 0o755);
  }

  /** As much of `redis-cli -u URL COMMAND` as the runbook uses: machines that only test needn't have it. */
  async #redisCli(): Promise<string> {
    const path = join(this.#folder, "programs", "redis-cli.mjs");
    await writeFile(
      path,
      'import { Redis } from "ioredis";\nconst [, , , url, ...command] = process.argv;\nconst redis = new Redis(url);\nconsole.log(await redis.call(...command));\nredis.disconnect();\n',
    );
    return path;
  }

  async #start(): Promise<{ child: ChildProcess; port: number }> {
    const child = spawn(process.execPath, [this.#backend], {
      env: {
        ...process.env,
        REDIS_URL: this.#redis.url,
        DATABASE_URL: this.#database.url,
        DUAL_WRITE_STRATEGY_FILE: this.#strategyFile,
        PORT: "0",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, "data");
    const port = Number(/listening on (\d+)/.exec(String(line))?.[1]);
    if (!port) throw new Error(`The backend says: ${line}`);
    return { child, port };
  }

  /** Each is sent again under its id while the answer is "retry": on a busy machine a read may miss its deadline. */
  async #useThem(): Promise<void> {
    for (let n = 0; !this.#ended; n++) {
      const use = { userId: "runner", operationId: `use-${n}` };
      let answer = await this.#post(n % PROCESSES, "/uses", use);
      for (let tries = 1; answer.status === 503 && tries < TRIES; tries++)
        answer = await this.#post((n + tries) % PROCESSES, "/uses", use);
      if (answer.status === 200) this.acknowledged++;
      else this.refused.push(JSON.stringify(answer.body));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async #post(process: number, path: string, body: unknown): Promise<{ status: number; body: unknown }> {
    const { port } = this.#fleet[process] as { port: number };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  }
}

/** What the legacy programs left there, with a value that is cut and keys that no collection knows. */
async function writeLegacyKeyspace(redis: Redis): Promise<void> {
  const pipeline = redis.pipeline();
  const day = new Date().toISOString().slice(0, 10);
  const in30Days = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 19);
  for (let n = 0; n < SIGN_UPS; n++) {
    const email = `person${n}@example.org`;
    pipeline.set(
      `threadr:email:${email}`,
      `{"subscribed_at": "2026-01-02T03:04:05.123456", "source": "landing"}`,
      "EX",
      63072000,
    );
    pipeline.sadd("threadr:emails:list", email);
    pipeline.set(`threadr:usage:ip:10.0.0.${n}:daily:${day}`, n + 1, "EX", 2592000);
  }
  for (let n = 0; n < 10; n++) {
    const grant = `{"granted_at": "2026-11-01T00:00:00", "expires_at": "${in30Days}", "plan": "premium", "duration_days": 30, "client_ip": "10.1.0.${n}", "email": "person${n}@example.org", "payment_info": {}}`;
    pipeline.set(`threadr:premium:email:person${n}@example.org`, grant, "EX", 3196800);
    pipeline.set(`threadr:premium:ip:10.1.0.${n}`, grant, "EX", 3196800);
    pipeline.set(
      `threadr:subscription:user:user-${n}`,
      `{"subscription_id": "sub-${n}", "plan_name": "pro", "status": "active", "tier_level": 1, "expires_at": "${in30Days}"}`,
      "EX",
      3196800,
    );
    pipeline.sadd("threadr:subscriptions:active", `user-${n}`);
  }
  pipeline.set("threadr:email:cut@example.org", '{"source": "lan');
  pipeline.set("threadr:ratelimit:10.0.0.1", "5", "EX", 600);
  pipeline.set("threadr:feature:flags", "on");
  await pipeline.exec();
}
