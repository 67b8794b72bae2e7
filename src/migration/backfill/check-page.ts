/** Decodes what stands under a page's keys, and neither compares nor copies it. */
import type { BoundRecords } from "../../engine/define-records.js";
import type { HeldCounter, HeldRecord } from "../../stores/store.js";
import { STATISTICS } from "../keyspace/key-sorter.js";
import type { Listing, States, VariantKey } from "../keyspace/keyspace-page.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { type Ending, ended, setAside } from "../run/ending.js";
import { endOf, endsOf, endsWithoutCopy, type KeyEnd } from "./copy-page.js";
import { readStatistics } from "./copy-statistics.js";

export async function checkPage(context: BothStores, listing: Listing, states: States): Promise<KeyEnd[]> {
  const ends = endsWithoutCopy(listing);
  for (const page of states.records)
    ends.push(
      ...endsOf(
        page,
        page.held.map((held, i) => checkRecord(page.collection, page.ids[i] as string, held)),
      ),
    );
  for (const page of states.counters) ends.push(...endsOf(page, page.held.map(checkCounter)));
  for (const variant of listing.variants)
    ends.push(endOf(variant.key, variant.collection.name, await checkVariant(context, variant)));
  if (listing.hasStatistics) ends.push(await checkStatistics(context));
  return ends;
}

function checkRecord(collection: BoundRecords<unknown>, id: string, held: HeldRecord): Ending {
  if (held.kind === "unreadable") return setAside(held.reason, null);
  if (held.kind !== "value") return ended("expired");
  try {
    collection.project(id, held.bytes);
    return ended("valid");
  } catch (error) {
    return setAside((error as Error).message, held.bytes);
  }
}

function checkCounter(held: HeldCounter): Ending {
  if (held.kind === "unreadable") return setAside(held.reason, null);
  return ended(held.kind === "value" ? "valid" : "expired");
}

async function checkVariant(context: BothStores, { collection, key, id }: VariantKey): Promise<Ending> {
  const itself = (self: string) => self;
  if (collection.kind === "counters") {
    const { held } = await context.redis.attempt(
      (store) => store.inspectCounters({ ...collection, redisKey: itself }, [key]),
      PAGE_MS,
    );
    return checkCounter(held[0] as HeldCounter);
  }
  const { held } = await context.redis.attempt(
    (store) => store.inspectRecords({ ...collection, redisKey: itself }, [key]),
    PAGE_MS,
  );
  return checkRecord(collection, id, held[0] as HeldRecord);
}

async function checkStatistics(context: BothStores): Promise<KeyEnd> {
  const statistics = await readStatistics(context);
  const key = `${context.prefix}usage:stats`;
  if (statistics === null) return endOf(key, STATISTICS, ended("expired"));
  if (typeof statistics === "string") return endOf(key, STATISTICS, setAside(statistics, null));
  const [odd] = statistics.odd;
  return endOf(key, STATISTICS, odd ? setAside(`field "${odd.field}": ${odd.reason}`, null) : ended("valid"));
}
