/** Whether there is an order of everything that was asked, each between its beginning and its end, in which all that was told is true. */

/** When a step takes effect, as far as the order so far tells. Milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Step<S> {
  /** For messages. */
  readonly name: string;
  readonly begun: number;
  /** Infinity: it may still take effect. */
  readonly ended: number;
  /** It may never have taken effect. */
  readonly optional: boolean;
  /** What may be true after it. Nothing: it can't have come then. */
  readonly after: (state: S, span: Span) => readonly S[];
}

/** Redis loses its memory: what stood before may be back. */
export function lossStep<S extends { readonly before: readonly Omit<S, "before">[] }>({
  begun,
  ended,
}: {
  readonly begun: number;
  readonly ended: number;
}): Step<S> {
  const after = ({ before }: S) => before.map((one) => ({ ...one, before }) as S);
  return { name: "a loss of Redis's memory", begun, ended, optional: true, after };
}

/** More states than a readable history has: an answer isn't worth waiting for. */
const LIMIT = 300_000;

export type Explained =
  | { readonly explained: true }
  /** `stuck`: what couldn't come next where the longest order ends, and what stood there. */
  | { readonly explained: false; readonly stuck: readonly string[]; readonly state: string }
  /** There were too many orders to try. */
  | { readonly explained: null };

/** `keyOf` tells states apart. */
export function inSomeOrder<S>(initial: S, steps: readonly Step<S>[], keyOf: (state: S) => string): Explained {
  const ordered = [...steps].sort((a, b) => a.ended - b.ended);
  const needed = ordered.map((step, i) => ({ ...step, i })).filter(({ optional }) => !optional);
  const seen = new Set<string>();
  let best = { done: -1, stuck: [] as string[], state: "" };

  function follow(done: bigint, from: number, state: S): boolean {
    const missing = needed.filter(({ i }) => !isIn(done, i));
    if (missing.length === 0) return true;
    const key = `${done} ${keyOf(state)}`;
    if (seen.has(key) || seen.size > LIMIT) return false;
    seen.add(key);
    if (needed.length - missing.length > best.done)
      best = { done: needed.length - missing.length, stuck: missing.map(({ name }) => name), state: keyOf(state) };
    const to = Math.min(...missing.map(({ ended }) => ended));
    return ordered.some((step, i) => {
      if (isIn(done, i) || step.begun > to || step.ended < from) return false;
      const span = { from: Math.max(from, step.begun), to: Math.min(to, step.ended) };
      return step.after(state, span).some((next) => follow(done | (1n << BigInt(i)), span.from, next));
    });
  }

  if (follow(0n, Number.NEGATIVE_INFINITY, initial)) return { explained: true };
  if (seen.size > LIMIT) return { explained: null };
  return { explained: false, stuck: best.stuck, state: best.state };
}

function isIn(set: bigint, i: number): boolean {
  return ((set >> BigInt(i)) & 1n) === 1n;
}
