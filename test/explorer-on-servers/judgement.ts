/** What must hold of a schedule on real servers once it has settled: both stores are equal, and one order explains all that was told. */
import { COUNTER_IDS, chainOf, counters, RECORD_IDS, records } from "../explorer/collections.js";
import type { Plan } from "../explorer/plan.js";
import type { Scene } from "../explorer/scene.js";
import { counterSteps, keyOfStands, type Stands } from "./counter-steps.js";
import { type History, moment } from "./history.js";
import { keyOfHeld, NOTHING, recordSteps } from "./record-steps.js";
import type { ServerPair } from "./servers.js";
import { inSomeOrder, type Step } from "./some-order.js";

/** What stands in one store in the end. */
interface Final {
  /** A record's chain, a counter's sum. Null: nothing. */
  readonly value: string | null;
  readonly expiresAt: number | null;
}

/** What verify leaves to the clocks, and the time since. Milliseconds. */
const SOON_MS = 3000;
/** What a legacy counter stood at. */
export const LEGACY_SUM = 10;

/** Looks at both stores without the library; adds what it sees to the history. */
export async function judge(scene: Scene, pair: ServerPair, history: History, plan: Plan): Promise<void> {
  for (const id of RECORD_IDS) {
    const final = await settled(scene, id, () => recordIn(pair, id));
    if (final !== "soon over") history.saw({ kind: "read", id, chain: final ? (JSON.parse(final) as string[]) : null });
    // What was there before the library came, only Redis has.
    const legacy = { chain: [`legacy-${id}`], ends: null, before: [NOTHING] };
    const initial = plan.legacy.includes(id) ? legacy : NOTHING;
    explain(scene, id, initial, recordSteps(id, history, ownerOf(plan)), keyOfHeld);
  }
  for (const id of COUNTER_IDS) {
    const final = await settled(scene, id, () => counterIn(pair, id));
    if (final !== "soon over") history.saw({ kind: "counted", id, sum: Number(final ?? 0) });
    const nothing: Stands = { sum: 0, ends: null, counted: [], before: [] };
    const initial = plan.legacyCounters.includes(id) ? { ...nothing, sum: LEGACY_SUM, before: [nothing] } : nothing;
    explain(scene, id, initial, counterSteps(id, history), keyOfStands);
  }
  const known = new Set([...history.asked.keys(), ...history.bypassed.map(({ event }) => event.op)]);
  for (const chain of history.old)
    for (const op of chain)
      if (!known.has(op.replace(/\+$/, "")) && !op.startsWith("legacy-"))
        scene.violate("a fallback read tells what once was", `[${chain}] was read, and nobody asked for ${op}`);
}

async function settled(scene: Scene, id: string, look: () => Promise<{ redis: Final; postgres: Final }>) {
  const { redis, postgres } = await look();
  const now = moment();
  const isSoon = ({ expiresAt }: Final) =>
    expiresAt !== null && expiresAt <= now + SOON_MS && expiresAt > now - SOON_MS;
  if (isSoon(redis) || isSoon(postgres)) return "soon over" as const;
  if (redis.value !== postgres.value || redis.expiresAt !== postgres.expiresAt)
    scene.violate(
      "in the end both stores are equal",
      `${id}: Redis ${redis.value} until ${redis.expiresAt}, Postgres ${postgres.value} until ${postgres.expiresAt}`,
    );
  return redis.value;
}

async function recordIn(pair: ServerPair, id: string) {
  const inRedis = await pair.held(records.redisKey(id));
  const [row] = await pair.sql`
    SELECT sync_original AS bytes, (extract(epoch FROM sync_expires_at) * 1000)::float8 AS ends FROM explored
    WHERE id = ${id} AND (sync_expires_at IS NULL OR sync_expires_at > clock_timestamp())`;
  const told = (bytes: Buffer | null | undefined) => (bytes ? JSON.stringify(chainOf(bytes)) : null);
  return {
    redis: { ...inRedis, value: told(inRedis.value === null ? null : Buffer.from(inRedis.value)) },
    postgres: { value: told(row?.bytes), expiresAt: row?.bytes ? (row.ends as number | null) : null },
  };
}

async function counterIn(pair: ServerPair, id: string) {
  const inRedis = await pair.held(counters.redisKey(id));
  const [row] = await pair.sql`
    SELECT (sync_redis_part + sync_postgres_part)::text AS sum, (extract(epoch FROM sync_expires_at) * 1000)::float8 AS ends
    FROM explored_counts
    WHERE id = ${id} AND (sync_expires_at IS NULL OR sync_expires_at > clock_timestamp())`;
  const inPostgres = { value: row?.sum ?? null, expiresAt: row?.ends ?? null };
  // A counter that stands at nothing may be there or not.
  const nothing = { value: null, expiresAt: null };
  return {
    redis: inRedis.value === "0" ? nothing : inRedis,
    postgres: inPostgres.value === "0" ? nothing : inPostgres,
  };
}

function explain<S>(
  scene: Scene,
  id: string,
  initial: S,
  steps: readonly Step<S>[],
  keyOf: (state: S) => string,
): void {
  const found = inSomeOrder(initial, steps, keyOf);
  if (found.explained === null) scene.cover("undecided");
  if (found.explained !== false) return;
  const begun = Math.min(...steps.map((step) => step.begun));
  const at = (moment: number) => (moment - begun).toFixed(1);
  const told = [...steps]
    .sort((a, b) => a.begun - b.begun)
    .map(({ name, begun, ended, optional }) => `${at(begun)}–${at(ended)} ${name}${optional ? "?" : ""}`);
  scene.violate(
    "one order explains all that was told",
    `${id}: at ${found.state} none of these can come next: ${found.stuck.join("; ")}. In all: ${told.join("; ")}`,
  );
}

/** Which record an operation began. */
function ownerOf({ events }: Plan): (first: string) => string | null {
  const owners = new Map(RECORD_IDS.map((id) => [`legacy-${id}`, id as string]));
  for (const event of events)
    if (
      event.kind === "put" ||
      event.kind === "create" ||
      event.kind === "cancelled-put" ||
      event.kind === "bypass-set"
    )
      owners.set(event.op, event.id);
  return (first) => owners.get(first) ?? null;
}
