/** Judges what callers and readers are told by what was true while they asked, which is known after each effect. */
import type { ReadOutcome } from "../../src/engine/outcome.js";
import type { StoreName } from "../../src/stores/state.js";
import { type Answer, checkAnswer } from "./answers.js";
import type { Write } from "./callers.js";
import { chainOf, encode, type Lineage } from "./collections.js";
import type { Attempt, Judge, Look } from "./judge.js";
import type { TrueState } from "./record-truth.js";
import type { SimulatedProcess } from "./simulated-process.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

export class MemoryJudge implements Judge {
  constructor(
    readonly world: World,
    readonly truth: Truth,
  ) {}

  asks(_process: SimulatedProcess, event: Write, { again, first }: { again: boolean; first: boolean }): Attempt {
    const { operations } = this.truth;
    operations.begin(event.op, event.kind, again);
    const start = this.world.sequence;
    return {
      answered: (answer: Answer) => {
        if (answer !== "left") operations.acknowledged(event.op);
        if (first) checkAnswer(this.truth, event, answer, start);
      },
      denied: (message) => operations.denied(event.op, message),
      unknown: () => operations.unknown(event.op),
    };
  }

  looks(): Look {
    return new MemoryLook(this.world, this.truth);
  }
}

class MemoryLook implements Look {
  readonly #start: number;
  readonly #clocks: Record<StoreName, number>;
  readonly #fallbacks: number | undefined;

  constructor(
    readonly world: World,
    readonly truth: Truth,
  ) {
    this.#start = world.sequence;
    this.#clocks = { redis: world.redis.now(), postgres: world.postgres.now() };
    this.#fallbacks = world.coverage.get("event-fallback");
  }

  read(id: string, outcome: ReadOutcome<Lineage>): void {
    if (outcome.kind === "error") return;
    const { world } = this;
    const chain = outcome.kind === "hit" ? outcome.value.chain : null;
    const truth = this.truth.record(id);
    if (outcome.fallback) {
      if (chain && !truth.events.some((one) => String(chainOf(one.bytes)) === String(chain)))
        world.violate("a fallback read tells what once was", `${id} was read as [${chain}], which it never was`);
      return;
    }
    const { store } = outcome;
    const fits = truth.during(this.#start, world.sequence).some(({ bytes, expiresAt }) => {
      const mayLive = bytes !== null && (expiresAt === null || expiresAt > this.#clocks[store]);
      const mayBeGone = bytes === null || world[store].isPast(expiresAt);
      return chain === null ? mayBeGone : mayLive && bytes.equals(encode(chain));
    });
    if (fits) return;
    const allowed = truth
      .during(this.#start, world.sequence)
      .map((one) => `[${chainOf(one.bytes)}] until ${one.expiresAt}`);
    world.violate(
      "a read tells the truth",
      `${id} was read from ${store} as ${chain ? `[${chain}]` : "a miss"}; it was ${allowed.join(", ")}`,
    );
  }

  found(first: string, found: { readonly id: string; readonly value: Lineage } | null): void {
    const { world } = this;
    const has = (one: TrueState) => chainOf(one.bytes)?.[0] === first;
    // A lookup doesn't say whether the other store answered it, which may be behind.
    const isBehind = this.#fallbacks !== world.coverage.get("event-fallback");
    const since = isBehind ? 0 : this.#start;
    const during = [...this.truth.records].map(([id, truth]) => ({ id, states: truth.during(since, world.sequence) }));
    const fits = found
      ? during.some(({ id, states }) => id === found.id && states.some((one) => has(one)))
      : during.every(({ states }) => states.some((one) => !has(one) || one.expiresAt !== null));
    if (!fits)
      world.violate(
        "a lookup tells the truth",
        `${first} was found as ${JSON.stringify(found)}; it was ${during.map(({ id, states }) => `${id} ${states.map((one) => `[${chainOf(one.bytes)}]`)}`)}`,
      );
  }

  counted(id: string, outcome: ReadOutcome<number>): void {
    if (outcome.kind !== "hit") return;
    const { world } = this;
    const truth = this.truth.counter(id);
    const { store } = outcome;
    const allowed = (outcome.fallback ? truth.events : truth.during(this.#start, world.sequence)).flatMap(
      ({ sum, expiresAt }) => [
        ...(expiresAt === null || expiresAt > this.#clocks[store] ? [sum] : []),
        ...(world[store].isPast(expiresAt) ? [0] : []),
      ],
    );
    if (!allowed.includes(outcome.value))
      world.violate("a read tells the truth", `${id} was read from ${store} as ${outcome.value}; it was ${allowed}`);
  }
}
