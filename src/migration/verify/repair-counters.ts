/** Makes the mirror's counters equal to the authority's again. */

import type { BoundCounters } from "../../engine/define-counters.js";
import { sumOf } from "../../engine/difference.js";
import type { Reign } from "../../engine/term-view.js";
import { FencedError } from "../../errors.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import type { HeldCounter } from "../../stores/store.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { lookAtBoth } from "./side-by-side.js";

/**
 * The authority tells the mirror; Redis as the authority first adopts what bypass writers counted or began anew. Postgres as the
 * authority overwrites what they count, but for a counter that was never stamped: nothing outdoes that in the mirror, so Postgres
 * takes over what was counted. It also takes back what it told Redis itself and lost since, with an older backup or a standby that
 * lagged: each store takes the greater of what it has and what it hears.
 * @throws FencedError when the reign has ended
 */
export async function repairCounters(
  context: BothStores,
  collection: BoundCounters,
  ids: readonly string[],
  reign: Reign,
): Promise<void> {
  await tell(context, collection, ids, reign.authority, reign);
  if (reign.authority === "redis") return;
  const pairs = await lookAtBoth(context, collection, ids);
  const left = ids.filter((_, i) => {
    const { redis, postgres } = pairs[i] as { redis: HeldCounter; postgres: HeldCounter };
    const isUnstamped = postgres.kind === "value" ? postgres.stamp === 0 : postgres.kind === "absent" && !postgres.last;
    const isOwn = redis.kind === "value" && !redis.bypass;
    return (isUnstamped || isOwn) && sumOf(redis) > sumOf(postgres);
  });
  await tell(context, collection, left, "redis", reign);
}

async function tell(
  context: BothStores,
  collection: BoundCounters,
  ids: readonly string[],
  from: StoreName,
  reign: Reign,
): Promise<void> {
  const adopt =
    from === "redis" && reign.authority === "redis" ? ({ term: reign.term, mode: "bare" } as const) : undefined;
  const { fence, held } = await context[from].attempt(
    (store) => store.inspectCounters(collection, ids, adopt),
    PAGE_MS,
  );
  // A Redis that lost its memory isn't sure of what it counted.
  if (adopt && (fence?.role !== "authority" || fence.term !== reign.term || !fence.complete)) return fenced(context);
  const states = held.flatMap((one: HeldCounter, i) => {
    const id = ids[i] as string;
    if (one.kind === "value") return [{ id, state: one }];
    return one.kind === "absent" && one.last ? [{ id, state: one.last }] : [];
  });
  if (states.length === 0) return;
  const reply = await context[otherStore(from)].attempt(
    (store) => store.applyCounters(collection, reign.term, states),
    PAGE_MS,
  );
  if (reply.fenced) return fenced(context);
  const told = states.flatMap(({ id, state }, i) =>
    reply.results[i]?.kind === "rejected" ? [] : [{ id, stamp: state.stamp }],
  );
  await context[from].attempt((store) => store.clearLog(collection, told), PAGE_MS);
}

function fenced(context: BothStores): never {
  context.term.contradicted();
  throw new FencedError("The authority changed during a repair.");
}
