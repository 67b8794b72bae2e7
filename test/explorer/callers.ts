/** Those who use the store: each asks, asks again with the same operation id when told that the outcome is unknown, and checks the answer. */
import {
  AuthorityUnavailableError,
  ConflictError,
  DeadlineExceededError,
  DualWriteError,
  FencedError,
  OutcomeUnknownError,
} from "../../src/errors.js";
import { chainOf, encode, type Lineage } from "./collections.js";
import type { FleetOperator } from "./fleet-operator.js";
import type { PlannedEvent } from "./plan.js";
import type { TrueState } from "./record-truth.js";
import { DEADLINES, type SimulatedProcess } from "./simulated-process.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

type Write = Extract<PlannedEvent, { op: string; process: number }>;
/** Beyond its deadline an operation may take the mirror's time and this. Milliseconds. */
const GRACE_MS = 100;

export class Callers {
  constructor(
    readonly world: World,
    readonly truth: Truth,
    readonly fleet: FleetOperator,
  ) {}

  async write(event: Write): Promise<void> {
    const { operations } = this.truth;
    for (let attempt = 0; attempt < 4; attempt++) {
      const { process, untilCrash } = await this.fleet.untilServing(event.process + attempt);
      operations.begin(event.op, event.kind);
      this.world.note(
        `${process.name}`,
        () => `asks ${event.kind} ${event.op} on ${event.id}${attempt ? ` again (${attempt})` : ""}`,
      );
      const begun = performance.now();
      try {
        const answer = await Promise.race([this.#ask(process, event), untilCrash]);
        if (answer === "crashed") operations.unknown(event.op);
        else {
          this.world.note(process.name, () => `answers ${event.op}: ${JSON.stringify(answer)}`);
          if (answer !== "left") operations.acknowledged(event.op);
          this.#inTime(event.op, begun, DEADLINES.write + DEADLINES.mirror);
          return;
        }
      } catch (error) {
        this.world.note(process.name, () => `fails ${event.op}: ${(error as Error).name}: ${(error as Error).message}`);
        this.#inTime(event.op, begun, DEADLINES.write + DEADLINES.mirror);
        this.#judge(event.op, error);
      }
      if (event.kind === "cancelled-put") return;
      await new Promise((resolve) => setTimeout(resolve, Math.floor(this.world.draw("retry", event.op) * 300)));
    }
  }

  #judge(op: string, error: unknown): void {
    const { operations } = this.truth;
    const denials = [AuthorityUnavailableError, ConflictError, DeadlineExceededError, FencedError];
    if (error instanceof OutcomeUnknownError) operations.unknown(op);
    else if (denials.some((one) => error instanceof one)) operations.denied(op, (error as Error).message);
    else
      this.world.violate(
        "errors are the library's own",
        `${op}: ${error instanceof DualWriteError ? error.code : ""} ${(error as Error).stack}`,
      );
  }

  #inTime(what: string, begun: number, limit: number): void {
    const took = performance.now() - begun;
    if (took > limit + GRACE_MS)
      this.world.violate("every operation settles by its deadline", `${what} took ${took} ms of ${limit}`);
  }

  /** `left`: nothing was to be written. */
  async #ask(process: SimulatedProcess, event: Write): Promise<unknown> {
    const { id, op } = event;
    const options = { operationId: op };
    if (event.kind === "count") return (await process.counters.add([{ id, by: event.by }], options)).get(id);
    const value: Lineage = { chain: [op] };
    const expiresAt = event.ttlMs === undefined ? undefined : Date.now() + event.ttlMs;
    switch (event.kind) {
      case "put":
        await process.records.put(id, value, { ...options, expiresAt: expiresAt ?? null });
        return "put";
      case "cancelled-put": {
        const controller = new AbortController();
        setTimeout(() => controller.abort(new Error("cancelled")), 1 + Math.floor(this.world.draw("cancel", op) * 60));
        await process.records.put(id, value, { ...options, signal: controller.signal });
        return "put";
      }
      case "create":
        return (await process.records.create(id, value, { ...options, expiresAt: expiresAt ?? null }))
          ? "created"
          : "left";
      case "delete":
        return (await process.records.delete(id, options)) ? "deleted" : "nothing stood";
      case "update": {
        const made = await process.records.update(
          id,
          ({ chain }) => ({ chain: [...chain, op] }),
          expiresAt === undefined ? options : { ...options, expiresAt },
        );
        return made === null ? "left" : made.chain;
      }
    }
  }

  async read(event: Extract<PlannedEvent, { kind: "read" }>): Promise<void> {
    const { process } = await this.fleet.untilServing(event.process);
    const [start, begun, clocks] = [
      this.world.sequence,
      performance.now(),
      { redis: this.world.redis.now(), postgres: this.world.postgres.now() },
    ];
    const outcome = await process.records.read(event.id);
    this.#inTime(`a read of ${event.id}`, begun, DEADLINES.read);
    const chain = outcome.kind === "hit" ? outcome.value.chain : null;
    this.world.note(
      process.name,
      () =>
        `read ${event.id}: ${outcome.kind} ${outcome.kind === "hit" ? `[${chain}]` : ""} from ${outcome.store}${outcome.fallback ? " (fallback)" : ""}`,
    );
    this.world.cover(outcome.fallback ? `read-fallback-${outcome.kind}` : `read-${outcome.kind}`);
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
      this.#inTime(`a lookup of ${event.first}`, begun, DEADLINES.read);
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
    this.#inTime(`a read of ${event.id}`, begun, DEADLINES.read);
    this.world.note(process.name, () => `read ${event.id}: ${JSON.stringify(outcome)}`);
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
