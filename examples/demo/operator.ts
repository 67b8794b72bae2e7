/** What an operator does in these weeks: rolling restarts, the migration's commands, and waiting for what they bring about. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Health, Migration, type MigrationStatus, type StrategyName } from "dual-write-store";
import type { Demo } from "./demo.js";
import { checkFates, rememberUntouched } from "./fates.js";
import { KEY_PREFIX } from "./legacy-form.js";
import { secondsSince } from "./narrator.js";

/** How long the story waits for something that has to come. Milliseconds. */
const WAIT_MS = 120_000;
const LOOK_EVERY_MS = 100;
/** A repair log is never empty under traffic; the age of what it holds says whether it is worked off. Milliseconds. */
const CAUGHT_UP_LAG_MS = 1000;
const VERIFY_ROUNDS = 4;

export class Operator {
  readonly #demo: Demo;
  /** What stands under keys that have to stay as they are. */
  #untouched: ReadonlyMap<string, string> = new Map();

  constructor(demo: Demo) {
    this.#demo = demo;
  }

  /** Opens the migration for as long as `work` takes, as a command would. */
  async migrate<T>(work: (migration: Migration) => Promise<T>): Promise<T> {
    const { redis, postgres } = this.#demo;
    const migration = await Migration.open({ redis: redis.url, postgres: postgres.url, keyPrefix: KEY_PREFIX });
    try {
      return await work(migration);
    } finally {
      await migration.close();
    }
  }

  /** Makes the tables, before the library is let in. */
  async prepare(): Promise<void> {
    const { legacy, redis } = this.#demo;
    this.#untouched = await rememberUntouched(legacy, redis.directUrl);
    await this.migrate((migration) => migration.migrateSchema());
  }

  /** `redis`: whether the processes are given its URL. */
  async roll(strategy: StrategyName, { redis } = { redis: true }): Promise<void> {
    const { narrator, fleet } = this.#demo;
    narrator.say(`Rolling restart to ${strategy}: one process after the other, under traffic.`);
    const began = performance.now();
    await fleet.roll({ ...this.#demo.env(strategy), ...(redis ? {} : { REDIS_URL: undefined }) });
    narrator.say(`All processes run as ${strategy} after ${secondsSince(began)} s.`);
  }

  /** Copies what stood in Redis before, and looks what became of the oddities. */
  async backfill(): Promise<void> {
    const { narrator, legacy, findings, redis, postgres, fleet } = this.#demo;
    const report = await this.migrate((migration) => migration.backfill());
    const { seen, ...ends } = report.counts;
    narrator.say(`Backfill saw ${seen} keys: ${listCounts(ends)}.`);
    if (report.state !== "finished" || !report.addsUp) {
      throw new Error(`The backfill doesn't add up: ${JSON.stringify(report)}`);
    }
    const urls = { redisUrl: redis.directUrl, databaseUrl: postgres.directUrl };
    const fates = await checkFates({ legacy, findings, ...urls, backends: fleet }, this.#untouched);
    narrator.say(`Oddities: ${listCounts(fates)}.`);
  }

  /** Repairs what bypass writers left different, until nothing differs: the gate asks for a clean verify. */
  async verifyUntilClean(): Promise<void> {
    for (let round = 1; ; round++) {
      const report = await this.migrate((migration) => migration.verify({ repair: true }));
      const repaired = report.repaired > 0 ? `; ${report.repaired} repaired` : "";
      const found = listCounts(report.differences) || "no differences";
      this.#demo.narrator.say(`Verify compared ${report.compared} keys both ways: ${found}${repaired}.`);
      if (report.clean) return;
      if (round === VERIFY_ROUNDS)
        throw new Error(`Verify still finds differences: ${JSON.stringify(report.examples)}`);
    }
  }

  /** Lets go, for a reason that is kept, what was set aside: values that nobody can read. The gate counts what is left on the list. */
  async letGoOfOddities(): Promise<void> {
    const dropped = await this.migrate(async (migration) => {
      const rows: number[] = [];
      for await (const { row } of migration.rejects()) rows.push(row);
      return rows.length === 0 ? 0 : migration.dropRejects({ rows, reason: "looked at: nobody reads these" });
    });
    this.#demo.narrator.say(`${dropped} values that were set aside are let go, with a reason.`);
  }

  /** Waits until each process says that `authority` decides and that it waits for nothing. */
  async untilAuthority(authority: "redis" | "postgres"): Promise<void> {
    const isThere = (health: Health) => health.authority === authority && health.waitingFor === null;
    await this.untilHealthy(`the authority to be ${authority}`, isThere);
  }

  /** Waits until what was missed during an outage is made good, so that either store could answer alone. */
  async untilCaughtUp(): Promise<void> {
    const began = performance.now();
    await this.migrate(async (migration) => {
      for (;;) {
        this.#demo.checkThatAllLive();
        const status = await migration.status();
        if (isWhole(status) && status.lagMs < CAUGHT_UP_LAG_MS) return;
        if (performance.now() - began > WAIT_MS) {
          throw new Error(
            `Waited ${WAIT_MS / 1000} s in vain for both stores to be complete: ${JSON.stringify(status)}`,
          );
        }
        await sleep(LOOK_EVERY_MS);
      }
    });
    this.#demo.narrator.say(`Both stores are complete again, ${secondsSince(began)} s later.`);
    await this.untilHealthy("every process to be ready", (health) => health.ready && health.waitingFor === null);
  }

  /** Waits until each process's health is as wanted, and tells what they wait for meanwhile. */
  async untilHealthy(what: string, isAsWanted: (health: Health) => boolean): Promise<void> {
    const { narrator, fleet } = this.#demo;
    const began = performance.now();
    let told = "";
    for (;;) {
      this.#demo.checkThatAllLive();
      const answers = await fleet.requestAll("/health").catch(() => []);
      const all = answers.map(({ body }) => body as Health);
      const [first] = all;
      if (first && all.every(isAsWanted)) {
        const state = `term ${first.term}, authority ${first.authority}`;
        narrator.say(`Waited ${secondsSince(began)} s for ${what}: ${state}.`);
        return;
      }
      const waitingFor = all.find((health) => health.waitingFor !== null)?.waitingFor ?? "";
      if (waitingFor !== "" && waitingFor !== told) narrator.say(`A process waits for ${waitingFor}.`);
      told = waitingFor;
      if (performance.now() - began > WAIT_MS) {
        throw new Error(
          `Waited ${WAIT_MS / 1000} s in vain for ${what}. The processes say: ${JSON.stringify(all, null, 2)}`,
        );
      }
      await sleep(LOOK_EVERY_MS);
    }
  }
}

function isWhole({ collections }: MigrationStatus): boolean {
  return Object.values(collections).every(({ complete }) => complete.redis === true && complete.postgres === true);
}

function listCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}
