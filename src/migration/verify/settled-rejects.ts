/** Takes off the rejects list what both stores hold alike by now, such as a record that was written again with an allowed value. */
import { differenceOf, stampOf } from "../../engine/difference.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import type { BothStores, BoundCollection } from "../migration-context.js";
import { issueOf, laterStamp, lookAtBoth, type Pair } from "./side-by-side.js";

const PAGE = 500;

/** A key that is gone stays on the list: nobody said that it was put right. */
export async function takeBackSettled(
  context: BothStores,
  collection: BoundCollection,
  authority: StoreName,
): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await context.evidence.pageRejects(collection.name, after, PAGE);
    const last = rows.at(-1);
    if (!last) return;
    after = last.row;
    const known = rows.flatMap(({ key, source, stamp }) => {
      if (source === "repair") return [];
      const id = collection.parseKey(key);
      return id !== null && collection.redisKey(id) === key ? [{ id, key, stamp }] : [];
    });
    const pairs = await lookAtBoth(
      context,
      collection,
      known.map(({ id }) => id),
    );
    const settled = known.flatMap(({ id, key, stamp }, i) => {
      const pair = pairs[i] as Pair;
      if (!isAlike(collection, pair, authority) || issueOf(collection, id, pair.redis)) return [];
      // What was set aside since the list was read stays.
      return [{ key, stamp: Math.max(stamp, laterStamp(pair)) }];
    });
    await context.evidence.takeBack(collection.name, settled);
  }
}

/**
 * To the letter: what the mirror lacks until it ends in a second stays on the list for that second, and so does what looks like an
 * earlier state, which the mirror still takes for the newest: without the refused one's stamp and operation ids.
 */
function isAlike(collection: BoundCollection, pair: Pair, authority: StoreName): boolean {
  const mine = pair[authority];
  const theirs = pair[otherStore(authority)];
  const stands = mine.kind === "value" || mine.kind === "tombstone";
  const isTold = (stampOf(theirs) ?? 0) >= (stampOf(mine) ?? 0);
  return stands && isTold && differenceOf(collection, mine, theirs) === null;
}
