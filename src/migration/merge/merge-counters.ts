/**
 * Adds what a counter under another spelling of its email counted to the counter: each use once, however often this is repeated.
 *
 * The variant's key stays, and bypass writers may count on in it. So its marker lists the steps from sum to sum that were added,
 * each written down before it is added (`step:n` → `from:to`) and ticked off after it (`done:n`). A run that was killed between
 * the two sends the step again under the same operation id, and runs at once on several machines agree on each step.
 */
import type { BoundCounters } from "../../engine/define-counters.js";
import { FencedError } from "../../errors.js";
import { operationId } from "../../stores/operation.js";
import type { CounterState } from "../../stores/state.js";
import type { HeldCounter } from "../../stores/store.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";
import { type Ending, ended, setAside } from "../run/ending.js";
import { MergeMarker } from "./merge-markers.js";

interface Step {
  readonly n: number;
  readonly from: number;
  readonly to: number;
}

type Variant = Extract<HeldCounter, { kind: "value" }>;

/** @throws FencedError when `term` isn't Redis's any more */
export async function mergeCounterVariant(
  context: BothStores,
  collection: BoundCounters,
  key: string,
  id: string,
  term: number,
): Promise<Ending> {
  const itself = { ...collection, redisKey: (self: string) => self };
  const { fence, held } = await context.redis.attempt((store) => store.inspectCounters(itself, [key]), PAGE_MS);
  checkReply(context, fence, term);
  const variant = held[0] as HeldCounter;
  if (variant.kind === "unreadable") return setAside(variant.reason, null);
  if (variant.kind === "absent") return ended("expired");

  const marker = new MergeMarker(context, collection.name, key);
  const sum = variant.redisPart + variant.postgresPart;
  let added = false;
  for (;;) {
    const marks = await marker.read();
    const steps = stepsOf(marks);
    for (const step of steps.filter(({ n }) => !(`done:${n}` in marks))) {
      const refusal = await add(context, collection, key, id, step, variant, term);
      if (refusal !== null) return setAside(refusal, Buffer.from(String(sum)));
      await marker.write({ [`done:${step.n}`]: "1" }, variant.expiresAt);
      added = true;
    }
    const last = steps.at(-1);
    await forget(marker, steps);
    if ((last?.to ?? 0) === sum) break;
    // A sum below the last one: a bypass writer began the variant anew.
    const from = last && last.to < sum ? last.to : 0;
    await marker.claim(`step:${last ? last.n + 1 : 0}`, `${from}:${sum}`, variant.expiresAt);
  }
  await marker.keep(variant.expiresAt);
  return ended(added ? "merged" : "unchanged");
}

/** In their order. */
function stepsOf(marks: Readonly<Record<string, string>>): Step[] {
  return Object.entries(marks)
    .flatMap(([field, value]) => {
      const n = /^step:(\d+)$/.exec(field)?.[1];
      const [from, to] = value.split(":").map(Number) as [number, number];
      return n === undefined ? [] : [{ n: Number(n), from, to }];
    })
    .sort((a, b) => a.n - b.n);
}

/** Only the last step says where to go on. */
async function forget(marker: MergeMarker, steps: readonly Step[]): Promise<void> {
  await marker.remove(steps.slice(0, -1).flatMap(({ n }) => [`step:${n}`, `done:${n}`]));
}

/** Why the counter refuses it; null: it is added, now or before. */
async function add(
  context: BothStores,
  collection: BoundCounters,
  key: string,
  id: string,
  step: Step,
  variant: Variant,
  term: number,
): Promise<string | null> {
  const by = step.to - step.from;
  if (by === 0) return null;
  const now = await context.redis.attempt((store) => store.now(), PAGE_MS);
  const one = {
    id,
    by,
    operationId: operationId(`merge ${key} ${step.n} ${step.from}:${step.to}`),
    ttlMs: variant.expiresAt === null ? null : Math.max(1, variant.expiresAt - now),
    renew: false,
  };
  const reply = await context.redis.attempt((store) => store.addToCounters(collection, term, [one]), PAGE_MS);
  if (reply.fenced) return fenced(context);
  const [result] = reply.results;
  if (result?.kind === "rejected") return result.reason;
  if (result === undefined || result.kind === "suspect") return fenced(context);
  await tell(context, collection, id, result.state, term);
  return null;
}

/** The mirror hears of it at once; if it can't, the repair log remembers. */
async function tell(
  context: BothStores,
  collection: BoundCounters,
  id: string,
  state: CounterState,
  term: number,
): Promise<void> {
  const reply = await context.postgres.attempt(
    (store) => store.applyCounters(collection, term, [{ id, state }]),
    PAGE_MS,
  );
  if (reply.fenced || reply.results[0]?.kind === "rejected") return;
  await context.redis.attempt((store) => store.clearLog(collection, [{ id, stamp: state.stamp }]), PAGE_MS);
}

function fenced(context: BothStores): never {
  context.term.contradicted();
  throw new FencedError("The term changed while another spelling was merged.");
}
