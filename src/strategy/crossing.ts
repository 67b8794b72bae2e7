/** Moves the authority to where the whole fleet wishes it: fills Redis first on the way back, passes the gate, hands over. */
import type { Fences, Reign } from "../engine/term-view.js";
import type { GateCheck } from "../errors.js";
import type { StoreName } from "../stores/state.js";
import type { Lease } from "../stores/store.js";
import { StoreTimeoutError } from "../stores/transient-errors.js";
import { within } from "../stores/within.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";
import { checkGate, readLogs } from "./gate.js";
import { handOver } from "./handover.js";
import { listProcesses } from "./membership.js";
import { refillRedis } from "./refill.js";
import { type StrategyName, strategies } from "./strategies.js";

/** The control tables are read past the guard, which has no part in them. */
function control<T>(work: Promise<T>): Promise<T> {
  return within(CONTROL_MS, work, () => new StoreTimeoutError("the control tables didn't answer in time"));
}

/** A gate that refuses is asked again after this many times of how long it took, so that its looks don't weigh on the stores. */
const GATE_REST = 4;
/** But at the latest after this. Milliseconds. */
const GATE_REST_MAX_MS = 5000;
/** Pause before a Redis is filled again that refused something of it. Milliseconds. */
const REFUSED_REST_MS = 5000;

/** The collections that these processes know and this one doesn't. */
function unknownOf(leases: readonly Lease[], known: readonly string[]): string[] {
  const named = leases.flatMap(({ collections = [] }) => collections);
  return [...new Set(named)].filter((name) => !known.includes(name));
}

export interface CrossingOptions {
  readonly signal: AbortSignal;
  /** Redis was filled: look again soon. */
  readonly onFilled: () => void;
}

/** The fleet as one look found it. */
export interface Look {
  readonly strategy: StrategyName;
  readonly reign: Reign;
  readonly fences: Fences;
  readonly own: Lease;
  /** The other live processes, asked for where they matter. */
  readonly others: () => Promise<readonly Lease[]>;
}

export class Crossing {
  readonly #context: () => FleetContext;
  readonly #options: CrossingOptions;
  #refilling: Promise<unknown> | null = null;
  /** The term in which this process filled Redis from Postgres to the end. */
  #refilled: number | null = null;
  #refusal = { text: "", until: 0 };
  #waitsForOthers = false;
  #refillAgainAt = 0;
  /** The term in which it is known that no forced passage is left of the handover that began it. */
  #arrivedIn: number | null = null;

  constructor(context: () => FleetContext, options: CrossingOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Another strategy is followed: what was found out under the last one says nothing. */
  begin(): void {
    this.#refusal = { text: "", until: 0 };
    this.#arrivedIn = null;
  }

  /** The last look that asked found processes that are still to cross. */
  get waitsForOthers(): boolean {
    return this.#waitsForOthers;
  }

  /** Brings back what Redis lacks, in the background. */
  refill(term: number): void {
    if (performance.now() < this.#refillAgainAt) return;
    this.#refilling ??= refillRedis(this.#context(), term, { signal: this.#options.signal })
      .then((result) => {
        if (result === "done") {
          this.#refilled = term;
          this.#options.onFilled();
        }
        // What it refuses, it refuses until somebody puts it right.
        if (result === "refused") this.#refillAgainAt = performance.now() + REFUSED_REST_MS;
      })
      .catch(() => {}) // A store went away: the next look begins again.
      .finally(() => {
        this.#refilling = null;
      });
  }

  /** Resolves when no filling is under way. */
  async settled(): Promise<void> {
    await this.#refilling;
  }

  /** The authority moves when every live process wishes it where it isn't, and the gate is passed. Returns what that waits for. */
  async moveIfAllWish(look: Look): Promise<string | null> {
    const { strategy, reign, fences } = look;
    const wish = strategies[strategy].authority;
    if (wish === reign.authority) {
      if (fences.postgres) await this.#arrive(strategy, reign);
      return null;
    }
    const others = await look.others();
    const behind = others.filter((lease) => strategies[lease.strategy as StrategyName].authority !== wish);
    this.#waitsForOthers = behind.length > 0;
    if (this.#waitsForOthers) return `${listProcesses(behind)} to cross`;
    const known = this.#context().collections.map(({ name }) => name);
    const wider = others.filter(({ collections = [] }) => collections.some((name) => !known.includes(name)));
    if (wider.length > 0) {
      this.#waitsForOthers = true;
      return `${listProcesses(wider)} to move the authority, knowing collections that this process doesn't: ${unknownOf(wider, known).join(", ")}`;
    }
    if (reign.authority === "redis" && !fences.redis?.complete)
      return fences.redis
        ? "Redis to be compared with Postgres after it lost its memory"
        : "Redis to answer: whether it lost its memory isn't known";
    if (wish === "redis" && !(await this.#isFilled(reign, fences))) {
      this.refill(reign.term);
      return "Redis to hold everything (it is being filled from Postgres)";
    }
    if (performance.now() < this.#refusal.until) return this.#refusal.text;
    const began = performance.now();
    const checks = await this.gate(wish, [look.own, ...others]);
    const failed = checks.filter((check) => !check.passed);
    const forced = failed.length > 0 ? await control(this.#context().evidence.forcedPassage(strategy)) : null;
    if (failed.length === 0 || forced) return this.#handOver(strategy, reign, failed, forced);
    const ended = performance.now();
    const text = `the gate: ${failed.map((check) => `${check.name} (${check.figure})`).join("; ")}`;
    this.#refusal = { text, until: ended + Math.min(GATE_REST_MAX_MS, (ended - began) * GATE_REST) };
    return text;
  }

  /** The gate's checks as things stand. */
  gate(to: StoreName, leases: readonly Lease[]): Promise<GateCheck[]> {
    return checkGate(
      this.#context(),
      to,
      leases,
      (lease) => strategies[lease.strategy as StrategyName].authority !== to,
    );
  }

  /**
   * What bypass writers did while Postgres reigned must not become the truth, and what a full repair log left out must be there:
   * every stamped state is told once more, and again if entries were left out meanwhile.
   */
  async #isFilled({ term }: Reign, fences: Fences): Promise<boolean> {
    if (!fences.redis?.complete || this.#refilled !== term) return false;
    const { postgres, collections } = this.#context();
    return (await readLogs(postgres, collections)).overflowed.length === 0;
  }

  async #handOver(
    strategy: StrategyName,
    reign: Reign,
    failed: readonly GateCheck[],
    forced: { readonly reason: string } | null,
  ): Promise<string | null> {
    const context = this.#context();
    const result = await handOver(context, reign.authority, reign.term, { forced: forced !== null });
    if (!result.done) return result.waitingFor;
    const inSpiteOf = failed.map(({ name, figure }) => `${name} (${figure})`).join("; ");
    const reason = forced
      ? `forced: ${forced.reason}; in spite of: ${inSpiteOf}`
      : "every process crossed and the gate was passed";
    // The fences have it. A passage that this fails to use up is used up on arrival.
    await this.#record(strategy, reason, forced !== null).catch(() => {});
    return null;
  }

  /** A forced passage is used up by the handover that it allowed, whoever made it, and if that one died before it could say so. */
  async #arrive(strategy: StrategyName, { term }: Reign): Promise<void> {
    if (this.#arrivedIn === term) return;
    try {
      const left = await control(this.#context().evidence.forcedPassage(strategy));
      if (left) await this.#record(strategy, `forced: ${left.reason}`, true);
      this.#arrivedIn = term;
    } catch {
      // Postgres doesn't answer: the next look is soon enough.
    }
  }

  async #record(strategy: StrategyName, reason: string, forced: boolean): Promise<void> {
    const { evidence, processId } = this.#context();
    await control(evidence.recordDecision({ what: "handover", strategy, reason, forced, process: processId }));
  }
}
