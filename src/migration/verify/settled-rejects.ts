/** Takes off the rejects list what both stores hold alike by now, such as a record that was written again with an allowed value. */
import type { StoreName } from "../../stores/state.js";
import type { BothStores, BoundCollection } from "../migration-context.js";
import { presentMoment } from "./second-look.js";
import { differenceOf, issueOf, lookAtBoth, type Pair } from "./side-by-side.js";

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
    const known = rows.flatMap(({ key, source }) => {
      if (source === "repair") return [];
      const id = collection.parseKey(key);
      return id !== null && collection.redisKey(id) === key ? [{ id, key }] : [];
    });
    const ids = known.map(({ id }) => id);
    const [pairs, now] = await Promise.all([lookAtBoth(context, collection, ids), presentMoment(context)]);
    const settled = known.filter(({ id }, i) => {
      const pair = pairs[i] as Pair;
      const stands = pair[authority].kind === "value" || pair[authority].kind === "tombstone";
      return stands && differenceOf(collection, pair, authority, now) === null && !issueOf(collection, id, pair.redis);
    });
    await context.evidence.takeBackAll(
      collection.name,
      settled.map(({ key }) => key),
    );
  }
}
