/** This process in the fleet: its lease, its look at the others, and its share in settling terms and moving the authority. */
import { events } from "../engine/events.js";
import { type Fences, type Reign, reignOf } from "../engine/term-view.js";
import { type GateCheck, StrategyError } from "../errors.js";
import { describe } from "../stores/guard.js";
import type { StoreName } from "../stores/state.js";
import type { Lease } from "../stores/store.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";
import { checkGate } from "./gate.js";
import { handOver } from "./handover.js";
import { Membership } from "./membership.js";
import { settleFences } from "./recovery.js";
import { refillRedis } from "./refill.js";
import { areNeighbours, type StrategyName, strategies } from "./strategies.js";

export interface FleetOptions {
  readonly host: string;
  readonly pid: number;
  /** Pause between looks. Milliseconds. @default 500 */
  readonly tickMs?: number;
}

export class Fleet {
  readonly #context: () => FleetContext;
  readonly #options: FleetOptions;
  #strategy: StrategyName;
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  #refilling: Promise<unknown> | null = null;
  /** The term in which this process filled Redis from Postgres to the end. */
  #refilled: number | null = null;
  readonly #abort = new AbortController();
  #waitingFor: string | null = null;
  #told = "";
  #givenUp = false;
  readonly #membership: Membership;

  constructor(context: () => FleetContext, strategy: StrategyName, options: FleetOptions) {
    this.#context = context;
    this.#strategy = strategy;
    this.#options = options;
    this.#membership = new Membership(context, () => ({
      processId: context().processId,
      strategy: this.#strategy,
      stage: strategies[this.#strategy].stage,
      host: options.host,
      pid: options.pid,
    }));
  }

  get strategy(): StrategyName {
    return this.#strategy;
  }
  /** Why the authority isn't where this process's strategy wants it; null: it is. */
  get waitingFor(): string | null {
    return this.#waitingFor;
  }
  /** Redis was given up by the fleet. */
  get redisGivenUp(): boolean {
    return this.#givenUp;
  }

  /** Registers, then looks. @throws StrategyError when processes two stages away are alive */
  async join(): Promise<void> {
    await this.#membership.renew();
    const apart = (await this.#membership.others()).filter(
      (lease) => !areNeighbours(lease.strategy as StrategyName, this.#strategy),
    );
    if (apart.length > 0) {
      await this.#membership.leave();
      const names = apart.map((lease) => `${lease.host}:${lease.pid} (${lease.strategy})`).join(", ");
      throw new StrategyError(
        `This process can't start as ${this.#strategy}: ${names} ${apart.length === 1 ? "runs" : "run"} two or more stages away. Take the stages one after another, or stop these first.`,
      );
    }
  }

  /** Looks now, and again and again until `stop`. */
  async start(): Promise<void> {
    await this.tick();
    this.#schedule();
  }

  /** Follows another strategy from now on. The caller has checked that it may. */
  follow(strategy: StrategyName): void {
    this.#strategy = strategy;
    this.poke();
  }

  /** Something is unsettled: look soon. */
  poke(): void {
    if (this.#ticking) this.#again = true;
    else if (!this.#stopped) void this.tick();
  }

  /** One look; concurrent callers share it. Never rejects. */
  tick(): Promise<void> {
    this.#ticking ??= this.#look()
      .catch((error) => {
        this.#waitingFor = describe(error);
      })
      .finally(() => {
        this.#ticking = null;
        if (this.#again && !this.#stopped) {
          this.#again = false;
          setTimeout(() => this.poke(), 20).unref();
        }
      });
    return this.#ticking;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    await this.#ticking;
    await this.#refilling;
    await this.#membership.leave();
  }

  /** The gate's checks for this fleet as it stands. */
  async gate(to: StoreName): Promise<GateCheck[]> {
    return checkGate(
      this.#context(),
      to,
      await this.leases(),
      (lease) => strategies[lease.strategy as StrategyName].authority !== to,
    );
  }

  /** All live processes, this one included. */
  async leases(): Promise<Lease[]> {
    return [this.#membership.own, ...(await this.#membership.others())];
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.tick().then(() => this.#schedule()), this.#options.tickMs ?? 500);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const context = this.#context();
    const settlement = await settleFences(context, this.#membership.redisAlone);
    const fences = await context.term.refresh();
    this.#givenUp = fences.postgres?.redisGivenUp ?? this.#givenUp;
    if (!this.#stopped) await this.#membership.renew();
    this.#waitingFor = settlement.settled ? null : settlement.waitingFor;
    const reign = reignOf(fences);
    if (reign) await this.#raiseLower(fences, reign.term);
    if (reign && fences.redis?.complete === false && fences.postgres) this.#refill(reign.term);
    if (!reign) await this.#finishHandover(fences);
    else if (settlement.settled) await this.#moveIfAllWish(reign, fences);
    this.#tell();
  }

  /** Whoever finds the terms unequal raises the lower. */
  async #raiseLower(fences: Fences, term: number): Promise<void> {
    const { redis, postgres } = this.#context();
    if (fences.redis && fences.redis.term < term) await redis?.attempt((store) => store.raiseFence(term), CONTROL_MS);
    if (fences.postgres && fences.postgres.term < term)
      await postgres.attempt((store) => store.raiseFence(term), CONTROL_MS);
  }

  #refill(term: number): void {
    this.#refilling ??= refillRedis(this.#context(), term, { signal: this.#abort.signal })
      .then((result) => {
        if (result === "done") {
          this.#refilled = term;
          this.#again = true;
        }
      })
      .catch(() => {}) // A store went away: the next look begins again.
      .finally(() => {
        this.#refilling = null;
      });
  }

  /** No store is open. One is closed: a handover was begun, by whomever, and is finished here. */
  async #finishHandover(fences: Fences): Promise<void> {
    const closed = (["redis", "postgres"] as const)
      .flatMap((name) =>
        fences[name]?.role === "closed" ? [{ name, term: (fences[name] as { term: number }).term }] : [],
      )
      .sort((a, b) => b.term - a.term)[0];
    if (!closed) return;
    const result = await handOver(this.#context(), closed.name, closed.term);
    this.#waitingFor = result.done ? null : result.waitingFor;
  }

  /** The authority moves when every live process wishes it where it isn't, and the gate is passed. */
  async #moveIfAllWish(reign: Reign, fences: Fences): Promise<void> {
    const context = this.#context();
    const wish = strategies[this.#strategy].authority;
    if (wish === reign.authority) return;
    const others = await this.#membership.others();
    const behind = others.filter((lease) => strategies[lease.strategy as StrategyName].authority !== wish);
    if (behind.length > 0) {
      this.#waitingFor = `${behind.length} processes to cross: ${behind.map((lease) => `${lease.host}:${lease.pid} ${lease.strategy}`).join(", ")}`;
      return;
    }
    if (reign.authority === "redis" && fences.redis?.complete === false) {
      this.#waitingFor = "Redis to be compared with Postgres after it lost its memory";
      return;
    }
    if (wish === "redis" && (!fences.redis?.complete || this.#refilled !== reign.term)) {
      // What bypass writers did while Postgres reigned must not become the truth: every stamped state is told once more.
      this.#refill(reign.term);
      this.#waitingFor = "Redis to hold everything (it is being filled from Postgres)";
      return;
    }
    const checks = await this.gate(wish);
    const failed = checks.filter((check) => !check.passed);
    const forced = failed.length > 0 ? await context.evidence.forcedPassage(this.#strategy) : null;
    if (failed.length > 0 && !forced) {
      this.#waitingFor = `the gate: ${failed.map((check) => `${check.name} (${check.figure})`).join("; ")}`;
      return;
    }
    const result = await handOver(context, reign.authority, reign.term);
    this.#waitingFor = result.done ? null : result.waitingFor;
    if (result.done) {
      const reason = forced ? `forced: ${forced.reason}` : "every process crossed and the gate was passed";
      await context.evidence
        .recordDecision({
          what: "handover",
          strategy: this.#strategy,
          reason,
          forced: forced !== null,
          process: context.processId,
        })
        .catch(() => {}); // The fences have it; the note is for people.
    }
  }

  #tell(): void {
    const context = this.#context();
    const reign = context.term.reign;
    const now = `${this.#strategy} ${reign?.authority} ${reign?.term} ${this.#waitingFor}`;
    if (now === this.#told) return;
    this.#told = now;
    context.events.emit(
      "strategy",
      events.strategy(this.#strategy, reign?.authority ?? null, reign?.term ?? 0, this.#waitingFor),
    );
  }
}
