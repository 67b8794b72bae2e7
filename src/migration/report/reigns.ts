/** Which store decided, and which strategy was asked for, from when to when: told by the decisions. */
import type { RecordedDecision } from "../../stores/postgres/decision-list.js";
import type { StoreName } from "../../stores/state.js";
import { type StrategyName, strategies } from "../../strategy/strategies.js";

export interface Reign {
  readonly authority: StoreName;
  /** Counted back from the present one; null: it isn't known. */
  readonly term: number | null;
  /** Null: from before the first decision. */
  readonly from: Date | null;
  /** Null: until now. */
  readonly to: Date | null;
  /** Why it began; null: it was so from the beginning. */
  readonly reason: string | null;
}

export interface StrategySpan {
  readonly strategy: string;
  readonly from: Date;
  readonly to: Date | null;
  readonly forced: boolean;
  readonly reason: string;
}

/** What begins a term. */
const BEGINNINGS: readonly RecordedDecision["what"][] = ["handover", "memory-loss"];
/** What asks the fleet for a strategy. */
const WISHES: readonly RecordedDecision["what"][] = ["flip", "rollback", "forced-passage"];

/** `decisions`: the oldest first. */
export function reignsOf(
  decisions: readonly RecordedDecision[],
  present: { readonly authority: StoreName | null; readonly term: number | null },
): Reign[] {
  const begun = decisions.filter(({ what }) => BEGINNINGS.includes(what));
  let authority: StoreName = "redis";
  const starts = [
    { authority, at: null as Date | null, reason: null as string | null },
    ...begun.map(({ strategy, at, reason }) => {
      authority = authorityOf(strategy) ?? authority;
      return { authority, at, reason };
    }),
  ];
  // The fences know better than the notes, of which one may be missing.
  const isTold = starts.at(-1)?.authority === present.authority;
  return starts.map(({ authority: store, at, reason }, n) => ({
    authority: store,
    term: isTold && present.term !== null ? countedBack(present.term, starts.length - 1 - n) : null,
    from: at,
    to: starts[n + 1]?.at ?? null,
    reason,
  }));
}

/** `decisions`: the oldest first. */
export function strategySpans(decisions: readonly RecordedDecision[]): StrategySpan[] {
  const wishes = decisions.filter(({ what, strategy }) => strategy !== null && WISHES.includes(what));
  return wishes.map(({ strategy, at, forced, reason }, n) => ({
    strategy: strategy as string,
    from: at,
    to: wishes[n + 1]?.at ?? null,
    forced,
    reason,
  }));
}

function authorityOf(strategy: string | null): StoreName | null {
  return strategy !== null && Object.hasOwn(strategies, strategy)
    ? strategies[strategy as StrategyName].authority
    : null;
}

/** Null: more terms were noted than there were, so the notes are of another pair of stores. */
function countedBack(term: number, terms: number): number | null {
  return term > terms ? term - terms : null;
}
