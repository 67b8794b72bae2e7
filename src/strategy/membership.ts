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

  /** Settles as `work` does; the lease is renewed meanwhile, which a handover between slow stores may outlast. */
  async keptDuring<T>(work: Promise<T>): Promise<T> {
    let renewal: Promise<void> | undefined;
    let timer: NodeJS.Timeout | undefined;
    const renewLater = () => {
      timer = setTimeout(() => {
        renewal = this.renew();
        renewLater();
      }, LEASE_MS / 4).unref();
    };
    renewLater();
    try {
      return await work;
    } finally {
      clearTimeout(timer);
      // Or it would bring back the lease of a process that leaves.
      await renewal;
    }
  }

  async leave(): Promise<void> {
    const { redis, postgres, processId } = this.#context();
    await Promise.allSettled([
      redis?.attempt((store) => store.dropLease(processId), CONTROL_MS),
      postgres.attempt((store) => store.dropLease(processId), CONTROL_MS),
    ]);
  }

  /** The other live processes. */
  async others(): Promise<Lease[]> {
    const { processId } = this.#context();
    const live = await liveLeases(this.#context());
    const others = (live ?? []).filter((lease) => lease.processId !== processId && lease.strategy in strategies);
    if (live) this.#neighbours = others;
    return others;
  }
}

/** The live processes of the fleet: one is alive if either store says so. Null: no store could tell. */
export async function liveLeases({
  redis,
  postgres,
}: Pick<FleetContext, "redis" | "postgres">): Promise<Lease[] | null> {
  const looks = await Promise.allSettled([
    postgres.attempt((store) => store.readLeases(), CONTROL_MS),
    // The last one counts: Redis's leases tell more.
    ...(redis ? [redis.attempt((store) => store.readLeases(), CONTROL_MS)] : []),
  ]);
  const told = looks.flatMap((look) => (look.status === "fulfilled" ? [look.value] : []));
  if (told.length === 0) return null;
  return [...new Map(told.flat().map((lease) => [lease.processId, lease])).values()];
}

/** Such as `web-1:4711 (DUAL_WRITE), web-2:815 (DUAL_WRITE)`. */
export function listProcesses(processes: readonly Lease[]): string {
  return processes.map(({ host, pid, strategy }) => `${host}:${pid} (${strategy})`).join(", ");
}
