/** A process's lease, in both stores so that neither's outage hides it, and its look at the others' leases. */
import type { Lease } from "../stores/store.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";
import { type StrategyName, strategies } from "./strategies.js";

/** A lease that isn't renewed ends after this. Milliseconds. */
const LEASE_MS = 10_000;

export class Membership {
  readonly #context: () => FleetContext;
  readonly #describe: () => Lease;
  #neighbours: readonly Lease[] = [];

  constructor(context: () => FleetContext, describe: () => Lease) {
    this.#context = context;
    this.#describe = describe;
  }

  /** This process's own lease. */
  get own(): Lease {
    return this.#describe();
  }

  /** Whether every process, as far as was last seen, can do without Postgres. */
  get redisAlone(): boolean {
    return [this.own, ...this.#neighbours].every(
      (lease) => strategies[lease.strategy as StrategyName].postgresOptional,
    );
  }

  async renew(): Promise<void> {
    const { redis, postgres } = this.#context();
    await Promise.allSettled([
      redis?.attempt((store) => store.putLease(this.own, LEASE_MS), CONTROL_MS),
      postgres.attempt((store) => store.putLease(this.own, LEASE_MS), CONTROL_MS),
    ]);
  }

  async leave(): Promise<void> {
    const { redis, postgres, processId } = this.#context();
    await Promise.allSettled([
      redis?.attempt((store) => store.dropLease(processId), CONTROL_MS),
      postgres.attempt((store) => store.dropLease(processId), CONTROL_MS),
    ]);
  }

  /** The other live processes: one is alive if either store says so. */
  async others(): Promise<Lease[]> {
    const { redis, postgres, processId } = this.#context();
    const looks = await Promise.allSettled([
      redis?.attempt((store) => store.readLeases(), CONTROL_MS) ?? Promise.resolve([]),
      postgres.attempt((store) => store.readLeases(), CONTROL_MS),
    ]);
    const found = new Map<string, Lease>();
    for (const look of looks) {
      if (look.status === "fulfilled") for (const lease of look.value) found.set(lease.processId, lease);
    }
    found.delete(processId);
    const others = [...found.values()].filter((lease) => lease.strategy in strategies);
    if (looks.some((look) => look.status === "fulfilled")) this.#neighbours = others;
    return others;
  }
}
