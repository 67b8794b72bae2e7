/** Makes sure that a Redis is the one that this database's fleet used, and that its processes have let go of it. */
import type { GateCheck } from "../../errors.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { rest } from "../run/pace.js";
import { otherClients } from "./usage-evidence.js";

/** A process that learns that Redis was given up lets go of it within two seconds; one that is paused is waited for no longer. Milliseconds. */
const LET_GO_MS = 10_000;

/** A mistyped URL must not cost another fleet its companions. */
export async function checkSameFleet({ redis, postgres }: BothStores): Promise<GateCheck> {
  const [fence, known] = await Promise.all([
    postgres.attempt((store) => store.readFence(), PAGE_MS),
    postgres.attempt((store) => store.readLeases(), PAGE_MS),
  ]);
  const [there, leases] = await Promise.all([
    redis.attempt((store) => store.lastFence(), PAGE_MS),
    redis.attempt((store) => store.readLeases(), PAGE_MS),
  ]);
  const strangers = leases.filter(({ processId }) => !known.some((lease) => lease.processId === processId));
  const figure = (() => {
    if (strangers.length > 0)
      return `processes live there that this database doesn't know: ${strangers.map(({ host, pid }) => `${host}:${pid}`).join(", ")}`;
    if (there && (there.role !== "mirror" || there.term > (fence?.term ?? 0)))
      return `it is ${there.role} in term ${there.term}, and Postgres is ${fence?.role} in term ${fence?.term}`;
    return null;
  })();
  return {
    name: "Redis and Postgres are of one fleet",
    passed: figure === null,
    figure: figure ?? (there ? `Redis is the mirror in term ${there.term}` : "Redis holds nothing of the library"),
    remedy: "Check the Redis URL and the database URL: they must be those of one deployment.",
  };
}

/** Until no connection of the library is left, or for a while. */
export async function untilLetGo({ redis }: BothStores, signal?: AbortSignal): Promise<void> {
  const { client } = redis.store.connection;
  const { connectionName } = client.options;
  const until = performance.now() + LET_GO_MS;
  for (;;) {
    // Where clients can't be listed there is nothing to wait for; the evidence says so later.
    const others = await otherClients(client).catch(() => []);
    if (!others.some((one) => one.get("name") === connectionName) || performance.now() > until) return;
    await rest(200, signal);
  }
}
