/** Those who read: each checks that what it was told was true at some moment while it asked. */
import { chainOf, encode, type Lineage } from "./collections.js";
import type { FleetOperator } from "./fleet-operator.js";
import { inTime } from "./in-time.js";
import type { PlannedEvent } from "./plan.js";
import type { TrueState } from "./record-truth.js";
import { DEADLINES } from "./simulated-process.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

export class Readers {
  constructor(
    readonly world: World,
    readonly truth: Truth,
    readonly fleet: FleetOperator,
  ) {}

  async read(event: Extract<PlannedEvent, { kind: "read" }>): Promise<void> {
    const { process } = await this.fleet.untilServing(event.process);
    const [start, begun, clocks] = [
      this.world.sequence,
      performance.now(),
      { redis: this.world.redis.now(), postgres: this.world.postgres.now() },
    ];
    // As often as not by its value alone, as `get` reads.
    const outcome = await (start % 2 === 0 ? process.records.read(event.id) : process.readValue(event.id));
    inTime(this.world, `a read of ${event.id}`, begun, DEADLINES.read);
    const chain = outcome.kind === "hit" ? outcome.value.chain : null;
    this.world.note(
      process.name,
      () =>
        `read ${event.id}: ${outcome.kind} ${outcome.kind === "hit" ? `[${chain}]` : ""} from ${outcome.store}${outcome.fallback ? " (fallback)" : ""}`,
    );
    this.world.cover(outcome.fallback ? `read-fallback-${outcome.kind}` : `read-${outcome.kind}`);
    if (this.world.quiet && (outcome.fallback || outcome.kind === "error"))
      this.world.violate("a healthy authority answers itself", `${event.id}: ${outcome.kind} from ${outcome.store}`);
    if (outcome.kind === "error") return;
    const truth = this.truth.record(event.id);
    if (outcome.fallback) {
      if (chain && !truth.events.some((one) => String(chainOf(one.bytes)) === String(chain))) {
        this.world.violate(
          "a fallback read tells what once was",
          `${event.id} was read as [${chain}], which it never was`,
        );
      }
      return;
    }
    const store = outcome.store;
    const fits = truth.during(start, this.world.sequence).some(({ bytes, expiresAt }) => {
      const mayLive = bytes !== null && (expiresAt === null || expiresAt > clocks[store]);
      const mayBeGone = bytes === null || this.world[store].isPast(expiresAt);
      return chain === null ? mayBeGone : mayLive && bytes.equals(encode(chain));
    });
    if (!fits) {
      const allowed = truth
        .during(start, this.world.sequence)
        .map((one) => `[${chainOf(one.bytes)}] until ${one.expiresAt}`);
      this.world.violate(
        "a read tells the truth",
        `${event.id} was read from ${store} as ${chain ? `[${chain}]` : "a miss"}; it was ${allowed.join(", ")}`,
      );
    }
  }

  async find(event: Extract<PlannedEvent, { kind: "find" }>): Promise<void> {
    const { process } = await this.fleet.untilServing(event.process);
    const [start, begun] = [this.world.sequence, performance.now()];
    const fallbacks = this.world.coverage.get("event-fallback");
    let found: { readonly id: string; readonly value: Lineage } | null;
    try {
      found = await process.records.findBy("first", event.first);
    } catch (error) {
      this.world.cover("find-error");
      return this.world.note(process.name, () => `finds ${event.first}: ${(error as Error).message}`);
    } finally {
      inTime(this.world, `a lookup of ${event.first}`, begun, DEADLINES.read);
    }
    this.world.note(process.name, () => `finds ${event.first}: ${JSON.stringify(found)}`);
    this.world.cover(found ? "find-hit" : "find-miss");
    const has = (one: TrueState) => chainOf(one.bytes)?.[0] === event.first;
    // A lookup doesn't say whether the other store answered it, which may be behind.
    const behind = fallbacks !== this.world.coverage.get("event-fallback");
    const since = behind ? 0 : start;
    const during = [...this.truth.records].map(([id, truth]) => ({
      id,
      states: truth.during(since, this.world.sequence),
    }));
    const fits = found
      ? during.some(({ id, states }) => id === found.id && states.some((one) => has(one)))
      : during.every(({ states }) => states.some((one) => !has(one) || one.expiresAt !== null));
    if (!fits)
      this.world.violate(
        "a lookup tells the truth",
        `${event.first} was found as ${JSON.stringify(found)}; it was ${during.map(({ id, states }) => `${id} ${states.map((one) => `[${chainOf(one.bytes)}]`)}`)}`,
      );
  }

  async readCount(event: Extract<PlannedEvent, { kind: "read-count" }>): Promise<void> {
    const { process } = await this.fleet.untilServing(event.process);
    const { redis, postgres } = this.world;
    const [start, begun, clocks] = [
      this.world.sequence,
      performance.now(),
      { redis: redis.now(), postgres: postgres.now() },
    ];
    const outcome = (await process.counters.readMany([event.id]))[0];
    inTime(this.world, `a read of ${event.id}`, begun, DEADLINES.read);
    this.world.note(process.name, () => `read ${event.id}: ${JSON.stringify(outcome)}`);
    if (this.world.quiet && (outcome?.fallback || outcome?.kind === "error"))
      this.world.violate("a healthy authority answers itself", `${event.id}: ${outcome.kind} from ${outcome.store}`);
    if (outcome?.kind !== "hit") return;
    const truth = this.truth.counter(event.id);
    const { store } = outcome;
    const allowed = (outcome.fallback ? truth.events : truth.during(start, this.world.sequence)).flatMap(
      ({ sum, expiresAt }) => [
        ...(expiresAt === null || expiresAt > clocks[store] ? [sum] : []),
        ...(this.world[store].isPast(expiresAt) ? [0] : []),
      ],
    );
    if (!allowed.includes(outcome.value)) {
      this.world.violate(
        "a read tells the truth",
        `${event.id} was read from ${outcome.store} as ${outcome.value}; it was ${allowed}`,
      );
    }
  }
}
