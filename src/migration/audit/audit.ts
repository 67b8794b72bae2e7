/** The audit: looks at every key of a Redis, changes nothing, and says what a migration will meet there. */

import { ConfigurationError } from "../../errors.js";
import { storeIssues } from "../../facade/option-checks.js";
import { Guard } from "../../stores/guard.js";
import type { RedisInput } from "../../stores/redis/redis-connection.js";
import { RedisStore } from "../../stores/redis/redis-store.js";
import { bindCollections, type Keyspace, type KeyspaceOptions } from "../bind-collections.js";
import { DistinctKeys } from "../keyspace/distinct-keys.js";
import { met } from "../run/met.js";
import { Pace, rest } from "../run/pace.js";
import { toBegin } from "../run/persist.js";
import { RateMeter } from "../run/progress.js";
import { type AuditOptions, type ResolvedAudit, resolveAudit } from "./audit-options.js";
import { type AuditReport, reportOf } from "./audit-report.js";
import { AuditTally, type Sighting } from "./audit-tally.js";
import { KeyClasses } from "./key-classes.js";
import { KeyReader, type ListedKeys } from "./key-reader.js";
import { serverFacts } from "./server-facts.js";

/** Longer values aren't read: no record of the legacy application comes near it. Bytes. */
const LONGEST_VALUE = 256 * 1024;
/** Of values, at once. Bytes. */
const VALUES_AT_ONCE = 4 * 1024 * 1024;

/**
 * Audits a Redis on a connection of its own. Needs no Postgres and nothing of the library in Redis; a replica will do.
 * Only commands that read are sent: SCAN, TYPE, PTTL, OBJECT IDLETIME, STRLEN and its like, GET, MEMORY USAGE, INFO, DBSIZE, TIME.
 *
 * @example
 * const report = await audit(process.env.REDIS_REPLICA_URL, { rate: 20_000 });
 * console.log(report.keys.distinct, report.stopConditions.filter((condition) => !condition.passed));
 * @throws ConfigurationError; AuthorityUnavailableError when Redis stays away, or restarts meanwhile
 */
export async function audit(
  redis: RedisInput | undefined,
  options: AuditOptions & KeyspaceOptions = {},
): Promise<AuditReport> {
  const keyspace = bindCollections(options, storeIssues("redis", redis, true));
  const resolved = resolveAudit(options);
  const store = await RedisStore.connect({ redis: redis as RedisInput });
  const guard = new Guard(store);
  try {
    return await auditKeyspace(guard, keyspace, resolved);
  } finally {
    guard.stop();
    await store.close();
  }
}

/** The same on a connection that is there. */
export async function auditKeyspace(
  redis: Guard<RedisStore>,
  keyspace: Keyspace,
  options: ResolvedAudit,
): Promise<AuditReport> {
  const began = performance.now();
  const startedAt = new Date();
  const info = await new KeyReader(redis, toBegin(options)).info();
  const database = redis.store.connection.client.options.db ?? 0;
  const reader = new KeyReader(redis, options);
  const total = await reader.size();
  const tally = new AuditTally(new KeyClasses(keyspace), options, { total, now: await reader.time() }, keyspace.zone);
  if (options.required) checkRequired(options.required, tally);
  const pace = new Pace(options);
  const pass = new AuditPass(reader, tally, options, total, pace);
  let state: AuditReport["state"] = "finished";
  try {
    await pace.during([redis.store], () => pass.run());
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    state = "stopped";
  } finally {
    await reader.end();
  }
  const { listed, vanished, distinct, repeated, workMs } = pass;
  return reportOf({
    state,
    startedAt,
    elapsedMs: Math.round(performance.now() - began),
    server: serverFacts(info, database),
    keys: { listed, repeated, distinct: listed - repeated, vanished, exact: distinct.exact },
    reader,
    tally,
    options,
    pace: { keys: listed, ms: workMs },
  });
}

/** A misspelled pattern would stop every audit. @throws ConfigurationError */
function checkRequired(required: readonly string[], tally: AuditTally): void {
  const known = tally.counts.map(({ info }) => info.pattern);
  const unknown = required.filter((pattern) => !known.includes(pattern));
  if (unknown.length === 0) return;
  const message = `there is no pattern ${unknown.map((one) => `"${one}"`).join(", ")}; there are ${known.join(", ")}`;
  throw new ConfigurationError([{ path: "required", message }]);
}

class AuditPass {
  readonly #reader: KeyReader;
  readonly #tally: AuditTally;
  readonly #options: ResolvedAudit;
  readonly #total: number;
  readonly #pace: Pace;
  readonly distinct: DistinctKeys;
  listed = 0;
  repeated = 0;
  vanished = 0;
  /** Without rests. */
  workMs = 0;

  constructor(reader: KeyReader, tally: AuditTally, options: ResolvedAudit, total: number, pace: Pace) {
    this.#reader = reader;
    this.#tally = tally;
    this.#options = options;
    this.#total = total;
    this.#pace = pace;
    this.distinct = DistinctKeys.expecting(total);
  }

  /** @throws the signal's reason, after the page under way */
  async run(): Promise<void> {
    const { pageSize, signal, onProgress } = this.#options;
    const pace = this.#pace;
    const meter = new RateMeter();
    // The next page is listed while one is looked at.
    let listing: Promise<ListedKeys> | null = met(this.#reader.list("0", pace.pageKeys(pageSize)));
    while (listing !== null) {
      signal?.throwIfAborted();
      const at = performance.now();
      const { next, keys }: ListedKeys = await listing;
      listing = next === null ? null : met(this.#reader.list(next, pace.pageKeys(pageSize)));
      await this.#page(keys);
      this.workMs += performance.now() - at;
      const total = Math.max(this.#total, this.listed);
      onProgress({ phase: "audit", done: this.listed, total, ...meter.measure(this.listed, total - this.listed) });
      const pause = listing === null ? 0 : pace.restAfter(keys.length, performance.now() - at);
      if (pause > 0) await rest(pause, signal);
    }
  }

  async #page(keys: readonly Buffer[]): Promise<void> {
    const fresh = keys.filter((key) => this.distinct.add(key));
    this.listed += keys.length;
    this.repeated += keys.length - fresh.length;
    const facts = await this.#reader.facts(fresh);
    const there = facts.filter((one) => one !== null);
    this.vanished += facts.length - there.length;
    const sightings = there.map((one) => this.#tally.see(one));
    await this.#measure(sightings.filter((one) => this.#tally.wantsMemory(one)));
    await this.#look(sightings.filter((one) => this.#tally.wantsValue(one)));
  }

  async #measure(sightings: readonly Sighting[]): Promise<void> {
    const sizes = await this.#reader.memory(sightings.map(({ facts }) => facts.key));
    for (const [n, bytes] of sizes.entries()) {
      if (bytes !== null) this.#tally.measured(sightings[n] as Sighting, bytes);
    }
  }

  async #look(sightings: readonly Sighting[]): Promise<void> {
    let batch: Sighting[] = [];
    let bytes = 0;
    for (const one of sightings) {
      const size = one.facts.size ?? 0;
      if (size > LONGEST_VALUE) {
        this.#tally.tooLong++;
        continue;
      }
      if (bytes + size > VALUES_AT_ONCE) {
        await this.#readValues(batch);
        [batch, bytes] = [[], 0];
      }
      batch.push(one);
      bytes += size;
    }
    await this.#readValues(batch);
  }

  async #readValues(batch: readonly Sighting[]): Promise<void> {
    const values = await this.#reader.values(batch.map(({ facts }) => facts.key));
    for (const [n, value] of values.entries()) {
      if (value !== null) this.#tally.look(batch[n] as Sighting, value);
    }
  }
}
