/** Runs a mirror's statement; if the fence still stands at an earlier term, it is raised first. */
import type { Fence } from "../store.js";
import type { Row } from "./connection.js";
import type { PostgresContext } from "./context.js";
import { raiseFence } from "./statements/fence.js";
import { fenceOf } from "./statements/gate.js";

export type Gated =
  | { readonly admitted: true; readonly rows: readonly Row[] }
  | { readonly admitted: false; readonly fence: Fence | null };

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
export async function mirrorStep(context: PostgresContext, term: number, run: () => Promise<Row[]>): Promise<Gated> {
  const answer = gated(await run());
  if (answer.admitted || answer.fence === null || answer.fence.term >= term) return answer;
  await raiseFence(context.connection, term);
  return gated(await run());
}
