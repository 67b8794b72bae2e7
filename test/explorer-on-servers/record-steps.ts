/** What was done to one record and seen of it, as steps to be put in order. */
import type { Answer } from "../explorer/answers.js";
import type { Write } from "../explorer/callers.js";
import type { Asked, History } from "./history.js";
import { type Effect, type Ends, effectOf, endsBetween, mayBeOver, mayLive } from "./lifetimes.js";
import { lossStep, type Step } from "./some-order.js";

export interface Held {
  readonly chain: readonly string[] | null;
  readonly ends: Ends;
  /** What stood before and may come back by a loss of Redis's memory. */
  readonly before: readonly Omit<Held, "before">[];
}

export const NOTHING: Held = { chain: null, ends: null, before: [] };

export const keyOfHeld = ({ chain, ends, before }: Held): string =>
  `${chain}|${ends?.from}${before.map((one) => `|${one.chain}`).join("")}`;

type Change = (held: Held, span: { from: number; to: number }) => readonly { chain: Held["chain"]; ends: Ends }[];

const lives = ({ chain, ends }: Held, span: { from: number; to: number }) => chain !== null && mayLive(ends, span);
const isGone = ({ chain, ends }: Held, span: { from: number; to: number }) => chain === null || mayBeOver(ends, span);

/** `ownerOf` tells which record an operation began, if any did. */
export function recordSteps(id: string, history: History, ownerOf: (first: string) => string | null): Step<Held>[] {
  const { asked, bypassed, seen, losses } = history;
  const steps: Step<Held>[] = [];
  const look = (name: string, span: { begun: number; ended: number }, fits: Change) =>
    steps.push({ name, begun: span.begun, ended: span.ended, optional: false, after: keeping(fits) });

  for (const one of asked.values()) {
    const { event } = one;
    const by = "first" in event ? ownerOf(event.first) === id : event.kind !== "count" && event.id === id;
    const isOther = event.kind === "put" && event.also === id && event.also !== event.id;
    if (!by && !isOther) continue;
    const effect = effectOf(one, ({ end }) => typeof end === "object" && didNothing(end.answer));
    if (effect) steps.push(...stepsOf(event, effect, one, isOther ? `${event.op}+` : event.op, history));
    for (const tried of one.tries)
      if (tried.first && typeof tried.end === "object" && didNothing(tried.end.answer))
        look(`${event.op}: nothing done`, tried, nothingToDo(event));
  }
  for (const one of bypassed) {
    const change = one.event.id === id ? bypassing(one.event.kind, one.event.op, one.expiresAt) : null;
    if (change)
      steps.push({
        name: `${one.event.kind} ${one.event.op}`,
        begun: one.begun,
        ended: one.ended,
        optional: false,
        after: changing(change, false, losses.length > 0),
      });
  }
  for (const one of seen) {
    const { what } = one;
    if (what.kind === "read" && what.id === id) look(`read [${what.chain}]`, one, showing(what.chain));
    if (what.kind === "found" && ownerOf(what.first) === id)
      look(
        `found ${what.first}: [${what.chain}]`,
        one,
        what.chain ? showing(what.chain) : (held, span) => notBegunBy(what.first, held, span),
      );
  }
  steps.push(...losses.map(lossStep<Held>));
  return steps;
}

function stepsOf(event: Write, effect: Effect, { tries }: Asked, op: string, { losses }: History): Step<Held>[] {
  const change = changeOf(event, effect, op);
  const after = changing(change, effect.isSafe, losses.length > 0);
  const { begun, ended, optional, told } = effect;
  const steps: Step<Held>[] = [{ name: `${event.kind} ${op}`, begun, ended, optional, after }];
  // A try that was made again within the library tells what stood when it was recognised.
  const answer = told && typeof told.end === "object" ? told.end.answer : null;
  if (Array.isArray(answer)) {
    const fits = keeping(showing(answer as readonly string[]));
    steps.push({ name: `${op} answered [${answer}]`, begun, ended, optional: false, after: fits });
  }
  // What a loss took may be applied by a later try.
  const last = tries.at(-1);
  const loss = losses.find((one) => last && tries.length > 1 && last.ended > one.begun);
  if (loss && last)
    steps.push({ name: `${event.kind} ${op} again`, begun: loss.begun, ended: last.ended, optional: true, after });
  return steps;
}

function changeOf(event: Write, { begun, lastBegun }: Effect, op: string): Change {
  const ttlMs = "ttlMs" in event ? event.ttlMs : undefined;
  const ends = ttlMs === undefined ? null : endsBetween(begun + ttlMs, lastBegun + ttlMs);
  switch (event.kind) {
    case "create":
      return (held, span) => (isGone(held, span) ? [{ chain: [op], ends }] : []);
    case "put":
    case "cancelled-put":
    case "count":
      return ({ chain }) => (chain?.includes(op) ? [] : [{ chain: [op], ends }]);
    case "delete":
    case "delete-by":
      return ({ chain }) => ("first" in event && chain?.[0] !== event.first ? [] : [{ chain: null, ends: null }]);
    case "update":
    case "update-by":
      return (held, span) => {
        if (!held.chain || !lives(held, span) || held.chain.includes(op)) return [];
        if ("first" in event && held.chain[0] !== event.first) return [];
        return [{ chain: [...held.chain, op], ends: ends ?? held.ends }];
      };
  }
}

/** `left`, `nothing stood`: nothing was to be changed. */
function didNothing(answer: Answer): boolean {
  return answer === "left" || answer === "nothing stood";
}

function nothingToDo(event: Write): Change {
  if ("first" in event) return (held, span) => notBegunBy(event.first, held, span);
  if (event.kind === "create") return (held, span) => (lives(held, span) ? [held] : []);
  return showing(null);
}

function notBegunBy(first: string, held: Held, span: { from: number; to: number }) {
  if (held.chain?.[0] !== first) return [held];
  return isGone(held, span) ? [{ chain: null, ends: null }] : [];
}

function showing(chain: readonly string[] | null): Change {
  return (held, span) => {
    if (chain === null) return isGone(held, span) ? [{ chain: null, ends: null }] : [];
    return lives(held, span) && String(held.chain) === String(chain) ? [held] : [];
  };
}

function bypassing(kind: string, op: string, expiresAt: number | null): Change | null {
  const ends = expiresAt === null ? null : endsBetween(expiresAt, expiresAt);
  if (kind === "bypass-set") return () => [{ chain: [op], ends }];
  if (kind === "bypass-delete") return () => [{ chain: null, ends: null }];
  if (kind === "bypass-expire") return (held, span) => (lives(held, span) ? [{ chain: held.chain, ends }] : []);
  return null;
}

function keeping(change: Change): Step<Held>["after"] {
  return (held, span) => change(held, span).map(({ chain, ends }) => ({ chain, ends, before: held.before }));
}

/** `losable`: Redis's memory is lost in this schedule, so that what it replaces is to be remembered unless it is safe. */
function changing(change: Change, isSafe: boolean, losable: boolean): Step<Held>["after"] {
  return (held, span) =>
    change(held, span).map(({ chain, ends }) => {
      const before = losable && !isSafe ? [...held.before, { chain: held.chain, ends: held.ends }] : [];
      return { chain, ends, before };
    });
}
