/** Waits until every live process has crossed to a strategy and the authority is where it should be. */

import type { Lease } from "../../stores/store.js";
import { checkGate } from "../../strategy/gate.js";
import { listProcesses } from "../../strategy/membership.js";
import { type StrategyName, strategies } from "../../strategy/strategies.js";
import type { MigrationContext } from "../migration-context.js";
import { rest } from "../run/pace.js";
import { type FleetLook, lookAtFleet } from "./fleet-look.js";
import type { FlipProgress } from "./flip-options.js";

/** Pause between looks. Milliseconds. */
const LOOK_EVERY_MS = 250;
/** The gate is asked again only now and then: some of its checks read a lot. Milliseconds. */
const GATE_EVERY_MS = 5000;
/** A fleet that can move the authority does so within this; only then is it worth asking what holds it up. Milliseconds. */
const PROMPT_MS = 2000;

export interface CrossingOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FlipProgress) => void) | undefined;
}

/** How far it had come when it was done, the time was over or the signal aborted. */
export async function awaitCrossing(
  context: MigrationContext,
  to: StrategyName,
  { timeoutMs, signal, onProgress }: CrossingOptions,
): Promise<FlipProgress> {
  const until = performance.now() + timeoutMs;
  const holdUp = new HoldUp(context, to);
  let told = "";
  for (;;) {
    const progress = await progressOf(await lookAtFleet(context), to, holdUp);
    const now = JSON.stringify([progress.waitingFor, progress.term, progress.crossed.length]);
    if (now !== told) onProgress?.(progress);
    told = now;
    if (progress.waitingFor === null || performance.now() >= until || signal?.aborted) return progress;
    await rest(Math.min(LOOK_EVERY_MS, Math.max(0, until - performance.now())), signal).catch(() => {});
  }
}

/** As it stands now, with the gate asked for what holds the authority up. */
export async function progressOf(look: FleetLook, to: StrategyName, holdUp: HoldUp | null): Promise<FlipProgress> {
  const [crossed, behind] = divide(look.processes ?? [], to);
  const { reign } = look;
  const waitingFor = await (async () => {
    if (look.processes === null) return "a store to answer";
    if (behind.length > 0) return `${listProcesses(behind)} to cross`;
    if (reign?.authority !== strategies[to].authority) return (await holdUp?.tell(look)) ?? "the authority to move";
    return crossed.length === 0 ? `a process to start as ${to}` : null;
  })();
  return { crossed, behind, authority: reign?.authority ?? null, term: reign?.term ?? null, waitingFor };
}

function divide(processes: readonly Lease[], to: StrategyName): [Lease[], Lease[]] {
  return [processes.filter(({ strategy }) => strategy === to), processes.filter(({ strategy }) => strategy !== to)];
}

/** Why the authority doesn't move although everybody has crossed. */
export class HoldUp {
  readonly #context: MigrationContext;
  readonly #to: StrategyName;
  #since: number | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;
  #gate = "";

  constructor(context: MigrationContext, to: StrategyName) {
    this.#context = context;
    this.#to = to;
  }

  async tell({ reign, fences, processes }: FleetLook): Promise<string> {
    if (!reign) return "the handover to end";
    if (processes?.length === 0) return `a process to start as ${this.#to}`;
    if (fences.redis?.complete === false) return "Redis to hold everything (it is being filled from Postgres)";
    this.#since ??= performance.now();
    if (performance.now() - this.#since < PROMPT_MS) return "the authority to move";
    if (performance.now() - this.#askedAt > GATE_EVERY_MS) {
      this.#gate = await this.#ask(processes ?? []);
      this.#askedAt = performance.now();
    }
    return this.#gate;
  }

  async #ask(processes: readonly Lease[]): Promise<string> {
    const { authority } = strategies[this.#to];
    const checks = await checkGate(this.#context, authority, processes, () => false).catch(() => []);
    const failed = checks.filter((check) => !check.passed);
    if (failed.length === 0)
      return "the authority to move; the gate passes, so the log or the health of a process says more";
    return `the gate: ${failed.map(({ name, figure, remedy }) => `${name} (${figure}; ${remedy})`).join("; ")}`;
  }
}
