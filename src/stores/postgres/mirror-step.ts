/** Runs a mirror's statement; if the fence still stands at an earlier term, it is raised first. */
import type { Fence } from "../store.js";
import type { Row } from "./connection.js";
import type { PostgresContext } from "./context.js";
import { raiseFence } from "./statements/fence.js";
import { FENCE_COLUMNS, fenceOf } from "./statements/gate.js";

export interface Refused {
  readonly admitted: false;
  readonly fence: Fence | null;
}

export type Gated = { readonly admitted: true; readonly rows: readonly Row[] } | Refused;

/** `leftAlone`: the places, from 0 on, of the states that it didn't write. */
export type Mirrored = { readonly admitted: true; readonly leftAlone: readonly number[] } | Refused;

/** The column of `mirrorAnswerSql` after admitted and the fence. */
const LEFT_ALONE = 1 + FENCE_COLUMNS;

/** What a gated statement answered: its first row says whether it was admitted. */
export function gated(rows: readonly Row[]): Gated {
  const [first] = rows;
  if (first?.[0] === true) return { admitted: true, rows };
  return { admitted: false, fence: first ? fenceOf(first, 1) : null };
}

/**
 * Raising takes the fence's exclusive lock, so it is done only by the first message of a term and not within the statement,
 * which holds the shared one.
 */
export async function mirrorStep(context: PostgresContext, term: number, run: () => Promise<Row[]>): Promise<Mirrored> {
  let answer = gated(await run());
  if (!answer.admitted && answer.fence !== null && answer.fence.term < term) {
    await raiseFence(context.connection, term);
    answer = gated(await run());
  }
  if (!answer.admitted) return answer;
  const places = (answer.rows[0]?.[LEFT_ALONE] ?? []) as number[];
  return { admitted: true, leftAlone: places.map((place) => place - 1) };
}
