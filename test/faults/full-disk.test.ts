/** Postgres's disk fills up under traffic: what it decides is refused or unknown, what it mirrors waits, and nothing is lost when there is room again. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DualWriteError, type DualWriteStore } from "../../src/index.js";
import { type PostgresServer, startPostgres } from "../servers/postgres-server.js";
import { type SmallDisk, smallDisk } from "../servers/small-disk.js";
import { openPair, type Pair } from "../support/pair.js";
import { Outage } from "./outage.js";
import { ledger, ledgers, STAGES } from "./support.js";

let disk: SmallDisk | string;
let running: PostgresServer | undefined;
let pair: Pair | undefined;
let outage: Outage | undefined;

beforeAll(async () => {
  disk = await smallDisk(160);
  if (typeof disk === "string") return;
  // Small pieces of log, which is what runs out of room first.
  const config = { max_wal_size: "32MB", min_wal_size: "32MB" };
  running = await startPostgres({ dataDir: join(disk.folder, "data"), config });
});
beforeEach((context) => {
  if (typeof disk === "string") context.skip(disk);
});
afterEach(async () => {
  await outage?.end();
  outage = undefined;
  await pair?.end();
});
afterAll(async () => {
  await running?.stop();
  if (typeof disk !== "string") await disk?.remove();
});

describe.each(STAGES)("%s, Postgres's disk full", (strategy) => {
  it("keeps what was acknowledged, tells the truth about the rest, and goes on when there is room", async () => {
    const server = running as PostgresServer;
    const room = disk as SmallDisk;
    pair = await openPair({ postgres: server.url });
    outage = await Outage.prepare(pair, strategy, "postgres");
    await room.fill();
    // Large enough that it must find room, which small rows need not for a while.
    const [store] = outage.stores as [DualWriteStore];
    const large = ledger(randomBytes(1 << 20).toString("base64"));
    const puts = await Promise.allSettled(["large-0", "large-1", "large-2"].map((id) => ledgers(store).put(id, large)));
    if (outage.ofAuthority) {
      for (const put of puts) expect((put as PromiseRejectedResult).reason).toBeInstanceOf(DualWriteError);
    } else {
      expect(puts.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    }
    await room.free();
    // A Postgres that couldn't write its log has ended, and is started again by whoever looks after it.
    if (!(await answers(server.url))) await server.restart();
    await outage.expectRecovered();
    const { redis, postgres: pg } = await outage.past.record("large-0");
    expect(pg.value).toEqual(redis.value);
    if (!outage.ofAuthority) expect(pg.value).toEqual(large);
  }, 60_000);
});

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
