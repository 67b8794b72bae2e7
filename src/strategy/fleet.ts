/** This process in the fleet: its lease, its look at the others, and its share in settling terms and moving the authority. */
import { events } from "../engine/events.js";
import { type Fences, reignOf } from "../engine/term-view.js";
import { type GateCheck, StrategyError } from "../errors.js";
import { describe } from "../stores/guard.js";
import type { StoreName } from "../stores/state.js";
import type { Lease } from "../stores/store.js";
import { Crossing } from "./crossing.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";
import { handOver } from "./handover.js";
import { listProcesses, Membership } from "./membership.js";
import { settleFences } from "./recovery.js";
import { areNeighbours, type StrategyName, strategies } from "./strategies.js";

export interface FleetOptions {
  readonly host: string;
  readonly pid: number;
  /** Pause between looks. Milliseconds. @default 500 */
  readonly tickMs?: number;
  /** What this process compared so far, for its lease. */
  readonly samples?: () => Lease["samples"];
}

export class Fleet {
  readonly #context: () => FleetContext;
  readonly #options: FleetOptions;
  #strategy: StrategyName;
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  readonly #abort = new AbortController();
  #waitingFor: string | null = null;
  #told = "";
  #givenUp = false;
  /** The lease was written a moment ago, and says what it would say now. */
  #justJoined = false;
  readonly #membership: Membership;
  readonly #crossing: Crossing;

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
      collections: context().collections.map(({ name }) => name),
      samples: options.samples?.(),
    }));
    const onFilled = () => {
      this.#again = true;
    };
    this.#crossing = new Crossing(context, { signal: this.#abort.signal, onFilled });
  }

  get strategy(): StrategyName {
    return this.#strategy;
  }
  /** Why the authority isn't where this process's strategy wants it; null: it is. */
  get waitingFor(): string | null {
    return this.#waitingFor;
  }
  /** Only other processes hold that up. */
  get waitsForOthers(): boolean {
    return this.#waitingFor !== null && this.#crossing.waitsForOthers;
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
      throw new StrategyError(
        `This process can't start as ${this.#strategy}: ${listProcesses(apart)} ${apart.length === 1 ? "runs" : "run"} two or more stages away. Take the stages one after another, or stop these first.`,
      );
    }
    this.#justJoined = true;
  }

  /** Looks now, and again and again until `stop`. To be called right after `join`. */
  async start(): Promise<void> {
    await this.tick();
    this.#schedule();
  }

  /** Follows another strategy from now on. The caller has checked that it may. */
  follow(strategy: StrategyName): void {
    this.#strategy = strategy;
    this.#justJoined = false;
    this.#crossing.begin();
    this.poke();
  }

  /** Something is unsettled: look soon. */
  poke(): void {
    if (this.#ticking) this.#again = true;
    else if (!this.#stopped) void this.tick();
  }

  /** One look; concurrent callers share it. Never rejects. */
  tick(): Promise<void> {
    this.#ticking ??= this.#membership
      .keptDuring(this.#look())
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
    await this.#crossing.settled();
    await this.#membership.leave();
  }

  /** The gate's checks for this fleet as it stands. */
  async gate(to: StoreName): Promise<GateCheck[]> {
    return this.#crossing.gate(to, await this.leases());
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
    if (!this.#stopped && !this.#justJoined) await this.#membership.renew();
    this.#justJoined = false;
    this.#waitingFor = settlement.settled ? null : settlement.waitingFor;
    const reign = reignOf(fences);
    if (reign) await this.#raiseLower(fences, reign.term);
    if (reign && fences.redis?.complete === false && fences.postgres) this.#crossing.refill(reign.term);
    if (!reign) await this.#finishHandover(fences);
    else if (settlement.settled) {
      const others = () => this.#membership.others();
      const look = { strategy: this.#strategy, reign, fences, own: this.#membership.own, others };
      this.#waitingFor = await this.#crossing.moveIfAllWish(look);
    }
    this.#tell();
  }

  /** Whoever finds the terms unequal raises the lower. */
  async #raiseLower(fences: Fences, term: number): Promise<void> {
    const { redis, postgres } = this.#context();
    if (fences.redis && fences.redis.term < term) await redis?.attempt((store) => store.raiseFence(term), CONTROL_MS);
    if (fences.postgres && fences.postgres.term < term)
      await postgres.attempt((store) => store.raiseFence(term), CONTROL_MS);
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
