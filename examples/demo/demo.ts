/** Everything that the story moves: servers, the backend's fleet, its traffic, the bypass writer, the migration and the proof. */
import { setTimeout as sleep } from "node:timers/promises";
import type { StrategyName } from "dual-write-store";
import type { Bundled } from "../../test/servers/bundled.js";
import { BypassWriter } from "./bypass.js";
import { Desk } from "./desk.js";
import { Findings } from "./findings.js";
import { type BackendEnv, Fleet } from "./fleet.js";
import { type CounterEntry, Journal, type RecordEntry } from "./journal.js";
import { DEFAULT_CLOCK_MARGIN_MS } from "./judge.js";
import { fillLegacyKeyspace, type LegacyKeyspace } from "./legacy-keyspace.js";
import { type Narrator, secondsSince } from "./narrator.js";
import type { DemoOptions } from "./options.js";
import { type Outage, suffer } from "./outage.js";
import { stopPrograms } from "./program.js";
import { type Proof, prove, type Source } from "./proof.js";
import { bringUpPostgres, bringUpRedis, type DemoServer } from "./servers.js";
import { backendSource, type DirectSource, postgresSource, redisSource } from "./store-sources.js";
import { Traffic } from "./traffic.js";

/** How long a mirror may take to show what was acknowledged. Milliseconds. */
const MIRROR_PATIENCE_MS = 15_000;
/** The clocks of other machines than this one may differ. Milliseconds. */
const REMOTE_CLOCK_MARGIN_MS = 2000;

/** What each store is supposed to hold when a week is over. */
export interface Holding {
  readonly redis: "all" | "none";
  /** `all but bypass`: what bypass writers did is adopted by the next verify with repair. */
  readonly postgres: "all" | "all but bypass" | "none";
}

export class Demo {
  readonly options: DemoOptions;
  readonly narrator: Narrator;
  readonly journal = new Journal();
  readonly findings = new Findings(({ breach, key, what, where }) =>
    this.narrator.warn(`${breach}: ${key}: ${what} (${where}).`),
  );
  readonly outages: Outage[] = [];
  readonly fleet: Fleet;
  readonly desk: Desk;
  readonly #programs: Bundled;
  readonly #now = Date.now();
  readonly #clockMarginMs: number;
  readonly #started: { stop(): Promise<unknown> }[];
  redis!: DemoServer;
  postgres!: DemoServer;
  legacy!: LegacyKeyspace;
  traffic!: Traffic;
  bypass: BypassWriter | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: DemoOptions, narrator: Narrator, programs: Bundled) {
    this.options = options;
    this.narrator = narrator;
    this.#programs = programs;
    this.#started = [programs];
    this.fleet = new Fleet(programs.program("backend"), options.pace.processes);
    const isLocal = options.redisUrl === undefined && options.databaseUrl === undefined;
    this.#clockMarginMs = isLocal ? DEFAULT_CLOCK_MARGIN_MS : REMOTE_CLOCK_MARGIN_MS;
    this.desk = new Desk({
      backends: this.fleet,
      journal: this.journal,
      findings: this.findings,
      clockMarginMs: this.#clockMarginMs,
      tell: ({ path, code, message, afterMs, process }) => {
        narrator.warn(`refused: ${path} ${code} after ${afterMs} ms by ${process}: ${message.split("\n")[0]}`);
      },
    });
  }

  async bringUp(): Promise<void> {
    const { pace, seed } = this.options;
    [this.redis, this.postgres] = await Promise.all([
      this.#own(bringUpRedis(this.options)),
      this.#own(bringUpPostgres(this.options)),
    ]);
    this.narrator.say("Redis and Postgres are up.");
    this.legacy = await fillLegacyKeyspace({
      redisUrl: this.redis.directUrl,
      journal: this.journal,
      people: pace.people,
      seed,
      duration: pace.wholeMs,
      now: this.#now,
    });
    const { people, keys, all } = this.legacy;
    this.narrator.say(
      `Redis has the legacy keyspace: ${people.length} people, ${keys} keys, ${all.length} kinds of oddities.`,
    );
    this.traffic = new Traffic({ desk: this.desk, legacy: this.legacy, pace, seed, now: this.#now });
  }

  startBypassWriter(): void {
    const { sharedAddresses } = this.legacy;
    this.bypass = new BypassWriter({
      path: this.#programs.program("bypass-writer"),
      redisUrl: this.redis.url,
      journal: this.journal,
      sharedAddresses,
      now: this.#now,
      seed: this.options.seed,
    });
  }

  /** Environment of the backends that are started from now on. */
  env(strategy: StrategyName): BackendEnv {
    return { DUAL_WRITE_STRATEGY: strategy, REDIS_URL: this.redis.url, DATABASE_URL: this.postgres.url };
  }

  /** Traffic as usual. */
  async live(): Promise<void> {
    await sleep(this.options.pace.weekMs);
    this.checkThatAllLive();
  }

  async suffer(server: DemoServer): Promise<void> {
    this.outages.push(await suffer(server, this.options.pace.outageMs, this.narrator));
  }

  /** Reads every key of the journal back, from each place that is supposed to hold it. */
  async prove(holding: Holding): Promise<Proof[]> {
    const began = performance.now();
    const settings = { clockMarginMs: this.#clockMarginMs };
    const looks = [prove(this.journal, backendSource(this.fleet), this.findings, settings)];
    if (holding.redis === "all") looks.push(this.#proveIn(redisSource(this.redis.directUrl), settings));
    if (holding.postgres !== "none") {
      const notBypass = (entry: RecordEntry | CounterEntry) => entry.origin !== "bypass";
      const holds = holding.postgres === "all" ? {} : { holds: notBypass };
      looks.push(this.#proveIn(postgresSource(this.postgres.directUrl), { ...settings, ...holds }));
    }
    const proofs = await Promise.all(looks);
    const broken = proofs.reduce((sum, proof) => sum + proof.broken, 0);
    const places = proofs
      .map((proof) => `${proof.source} (${proof.records} records, ${proof.counters} counters)`)
      .join(", ");
    if (broken === 0) this.narrator.say(`Proof: all as acknowledged in ${places}; ${secondsSince(began)} s.`);
    else this.narrator.warn(`Proof: ${broken} keys are wrong, in ${places}.`);
    return proofs;
  }

  /** Ends what was started: who asks first, then who is asked. Twice does no harm. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      // A client whose request isn't answered yet is left behind after a while: its backend ends next.
      await Promise.race([this.traffic?.stop(), sleep(3000, undefined, { ref: false })]);
      await Promise.allSettled([this.fleet.stop(), stopPrograms()]);
      await Promise.allSettled(this.#started.map((one) => one.stop()));
    })();
    return this.#stopping;
  }

  /** @throws Error when a backend or a client has ended */
  checkThatAllLive(): void {
    if (this.traffic.failure) throw new Error("A client of the traffic broke.", { cause: this.traffic.failure });
    if (this.fleet.deaths.length > 0) throw new Error(`A backend died.\n${this.fleet.deaths.join("\n")}`);
  }

  async #proveIn(source: DirectSource, settings: Parameters<typeof prove>[3]): Promise<Proof> {
    try {
      return await prove(this.journal, source as Source, this.findings, {
        ...settings,
        patienceMs: MIRROR_PATIENCE_MS,
      });
    } finally {
      await source.close();
    }
  }

  async #own(server: Promise<DemoServer>): Promise<DemoServer> {
    const started = await server;
    this.#started.push(started);
    return started;
  }
}
