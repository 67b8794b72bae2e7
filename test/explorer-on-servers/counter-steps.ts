/** What was done to one counter and seen of it, as steps to be put in order. */
import { counters } from "../explorer/collections.js";
import type { History } from "./history.js";
import { type Ends, effectOf, endsBetween, mayBeOver, mayLive } from "./lifetimes.js";
import { lossStep, type Span, type Step } from "./some-order.js";

export interface Stands {
  readonly sum: number;
  readonly ends: Ends;
  /** Operations that it remembers: one that a loss took may count again. */
  readonly counted: readonly string[];
  /** What stood before and may come back by a loss of Redis's memory. */
  readonly before: readonly Omit<Stands, "before">[];
}

export const keyOfStands = ({ sum, ends, counted, before }: Stands): string =>
  `${sum}|${ends?.from}|${counted}|${before.map((one) => one.sum)}`;

/** What is true after `ends`, and before it. */
function moments(stands: Stands, { from, to }: Span): Stands[] {
  const over = { ...stands, sum: 0, ends: null };
  return [
    ...(mayLive(stands.ends, { from, to }) ? [stands] : []),
    ...(mayBeOver(stands.ends, { from, to }) ? [over] : []),
  ];
}

export function counterSteps(id: string, history: History): Step<Stands>[] {
  const { asked, bypassed, seen, losses } = history;
  const steps: Step<Stands>[] = [];
  const losable = losses.length > 0;
  const replaced = (stands: Stands, isSafe: boolean) => {
    const { before, ...was } = stands;
    return losable && !isSafe ? [...before, was] : [];
  };

  for (const one of asked.values()) {
    const { event, tries } = one;
    if (event.kind !== "count" || (event.id !== id && event.also !== id)) continue;
    const effect = effectOf(one, () => false);
    if (!effect) continue;
    const { begun, lastBegun, ended, optional, isSafe, told } = effect;
    const expiry = counters.expiry(id);
    const after: Step<Stands>["after"] = (stands, span) =>
      moments(stands, span).flatMap((now) => {
        if (now.counted.includes(event.op)) return [];
        const sum = now.sum + event.by;
        const keeps = now.sum > 0 && !expiry?.renew;
        const renewed = expiry && endsBetween(begun + expiry.ttlMs, Math.max(ended, lastBegun) + expiry.ttlMs);
        const counted = losable ? [...now.counted, event.op] : [];
        return [{ sum, ends: keeps ? now.ends : renewed, counted, before: replaced(stands, isSafe) }];
      });
    steps.push({ name: `count ${event.op} by ${event.by}`, begun, ended, optional, after });
    // A try that was made again within the library tells what stood when it was recognised.
    const answer = told && typeof told.end === "object" && told.end.answer instanceof Map ? told.end.answer : null;
    if (answer?.has(id)) steps.push(looking(`${event.op} answered`, begun, ended, answer.get(id) as number));
    // What a loss took may be counted by a later try.
    const last = tries.at(-1);
    const loss = losses.find((each) => last && tries.length > 1 && last.ended > each.begun);
    if (loss && last)
      steps.push({ name: `count ${event.op} again`, begun: loss.begun, ended: last.ended, optional: true, after });
  }
  for (const { event, begun, ended } of bypassed) {
    if (event.id !== id || (event.kind !== "bypass-count" && event.kind !== "bypass-uncount")) continue;
    const by = event.kind === "bypass-count" ? event.by : null;
    const after: Step<Stands>["after"] = (stands, span) =>
      moments(stands, span).map((now) => {
        // The increment of what isn't there begins a key without an expiry.
        const changed =
          by === null ? { sum: 0, ends: null } : { sum: now.sum + by, ends: now.sum > 0 ? now.ends : null };
        return { ...changed, counted: now.counted, before: replaced(stands, false) };
      });
    steps.push({ name: `${event.kind} ${event.op}`, begun, ended, optional: false, after });
  }
  for (const { begun, ended, what } of seen) {
    if (what.kind !== "counted" || what.id !== id) continue;
    steps.push(looking("read", begun, ended, what.sum));
  }
  steps.push(...losses.map(lossStep<Stands>));
  return steps;
}

function looking(name: string, begun: number, ended: number, sum: number): Step<Stands> {
  const after: Step<Stands>["after"] = (stands, span) => moments(stands, span).filter((now) => now.sum === sum);
  return { name: `${name} ${sum}`, begun, ended, optional: false, after };
}
