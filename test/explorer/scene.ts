/** What every schedule has, whatever it runs on: its choices, its trace, the situations that it reached, and what it violated. */
import type { Deadlines } from "../../src/engine/context.js";
import { isQuiet, type Plan, type Weather } from "./plan.js";
import { Dice } from "./random.js";

/** An invariant doesn't hold: the schedule ends here. */
export class Violation extends Error {
  constructor(
    readonly invariant: string,
    message: string,
  ) {
    super(message);
  }
}

export class Scene {
  violation: Violation | null = null;
  /** Counts effects: the one order in which everything happened, as far as that is seen. */
  sequence = 0;
  /** Faults happen no more; everything is to settle. */
  calm = false;
  readonly coverage = new Map<string, number>();
  readonly trace: string[] = [];
  readonly begun = performance.now();
  readonly #dice = new Map<string, Dice>();

  readonly seed: number;
  readonly weather: Weather;
  /** Entries that a repair log holds. */
  readonly logLimit: number;
  /** The calls of a process that are under way at once go together. */
  readonly coalesce: boolean;

  /** Operations whose values Postgres refuses. */
  readonly poison: ReadonlySet<string>;
  /** A store refuses records for good in this schedule. */
  readonly refuses: boolean;
  /** How long the stores keep what is dead. Milliseconds; infinity: longer than any schedule. */
  readonly retentionMs: number;
  /** Nothing goes wrong in this schedule, so nothing may be refused or answered by the wrong store. */
  readonly quiet: boolean;
  /** Nobody bypasses the library either, and nothing was there before it: the stores never differ. */
  readonly pure: boolean;

  readonly deadlines: Deadlines = { read: 500, write: 1500, mirror: 150 };
  /** What a call may take beyond its deadline. Milliseconds. */
  readonly graceMs: number = 100;

  constructor(
    plan: Plan,
    readonly tracing: boolean,
    /** Known findings that are looked past, by invariant. */
    readonly ignored: ReadonlySet<string> = new Set(),
  ) {
    const { seed, weather, logLimit, coalesce, poison } = plan;
    this.seed = seed;
    this.weather = weather;
    this.logLimit = logLimit ?? 1_000_000;
    this.coalesce = coalesce;
    this.poison = new Set(poison);
    this.refuses = poison.length > 0 || plan.events.some(({ kind }) => kind === "occupy");
    this.retentionMs = plan.retentionMs ?? Number.POSITIVE_INFINITY;
    this.quiet = isQuiet(plan);
    const bypassed = plan.events.some(({ kind }) => kind.startsWith("bypass"));
    this.pure = this.quiet && !bypassed && plan.legacy.length + plan.legacyCounters.length + poison.length === 0;
  }

  /** What is dead is swept in this schedule. */
  get sweeps(): boolean {
    return this.retentionMs < Number.POSITIVE_INFINITY;
  }

  cover(situation: string): void {
    this.coverage.set(situation, (this.coverage.get(situation) ?? 0) + 1);
  }

  note(who: string, what: string | (() => string)): void {
    if (!this.tracing) return;
    const at = String(Math.round(performance.now() - this.begun)).padStart(6);
    this.trace.push(`${at} ms  ${who.padEnd(10)} ${typeof what === "string" ? what : what()}`);
  }

  violate(invariant: string, message: string): void {
    if (this.violation) return;
    if (this.ignored.has(invariant)) {
      this.cover(`ignored ${invariant}`);
      return;
    }
    this.violation = new Violation(invariant, message);
    this.note("VIOLATION", `${invariant}: ${message}`);
  }

  /** A number from 0 to 1 for the nth occasion of this name; leaving other things out doesn't shift it. */
  draw(...name: readonly (string | number)[]): number {
    return this.dice(name.join("/")).next();
  }

  dice(name: string): Dice {
    const known = this.#dice.get(name);
    if (known) return known;
    const dice = new Dice(this.seed, name);
    this.#dice.set(name, dice);
    return dice;
  }

  /** Milliseconds that one leg of a call takes. */
  latency(dice: Dice): number {
    const { usualMs, slowShare, slowMs } = this.weather;
    const draw = dice.next();
    const slow = this.calm ? 0 : slowShare;
    if (draw < slow) return Math.ceil((draw / slow) * slowMs);
    return 1 + Math.floor(((draw - slow) / (1 - slow)) * usualMs);
  }
}
