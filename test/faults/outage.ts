/** What the tests of outages under traffic share: a stage, served by two processes, before, during and after the fault. */
import { expect } from "vitest";
import type { DualWriteStore, StoreName, StrategyName } from "../../src/index.js";
import type { Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, closeAll, drained, ledger, ledgers, Past, untilAuthority } from "./support.js";
import { Traffic } from "./traffic.js";

/** Short where the authority goes away, so that callers are refused while it is; long where nobody may be. Milliseconds. */
const IMPATIENT = { read: 800, write: 1200, mirror: 300 };
const PATIENT = { read: 8000, write: 15_000, mirror: 300 };

export class Outage {
  readonly pair: Pair;
  readonly past: Past;
  readonly stores: readonly DualWriteStore[];
  readonly traffic: Traffic;
  /** Whether the store that is about to fail decides outcomes at this stage. */
  readonly ofAuthority: boolean;

  private constructor(pair: Pair, past: Past, stores: readonly DualWriteStore[], ofAuthority: boolean) {
    this.pair = pair;
    this.past = past;
    this.stores = stores;
    this.traffic = new Traffic(stores, { patient: true });
    this.ofAuthority = ofAuthority;
  }

  /** Two processes serve traffic at `strategy`; both stores hold what came before. `failing` is the store that will fail. */
  static async prepare(
    pair: Pair,
    strategy: StrategyName,
    failing: StoreName,
    options: Partial<typeof PATIENT> = {},
  ): Promise<Outage> {
    const past = new Past(pair);
    const ofAuthority = authorityOf(strategy) === failing;
    const deadlines = { ...(ofAuthority ? IMPATIENT : PATIENT), ...options };
    const stores = [await pair.open(strategy, { deadlines }), await pair.open(strategy, { deadlines })] as const;
    await untilAuthority(stores, authorityOf(strategy));
    await ledgers(stores[0]).put("shared", ledger());
    const outage = new Outage(pair, past, stores, ofAuthority);
    await outage.traffic.some(60);
    return outage;
  }

  /** While the store is away: its authority's writes are refused or unknown, a mirror's outage refuses nothing. */
  async observe(): Promise<void> {
    if (this.ofAuthority) await this.traffic.someRefused(3);
    else await this.traffic.some(40);
  }

  /** Once it is back: traffic goes on, and stops with nothing left to repair. */
  async recover(): Promise<void> {
    const [store] = this.stores as [DualWriteStore];
    await waitFor(
      async () => {
        const { ready, redis, postgres } = await store.health();
        return ready && redis?.reachable && postgres.reachable;
      },
      { what: "both stores to be back", timeoutMs: 20_000 },
    );
    await this.traffic.some(40);
    await this.traffic.stop();
    await waitFor(() => this.past.redisIsComplete(), { what: "Redis to be complete", timeoutMs: 20_000 });
    await drained(store);
  }

  /** Nothing acknowledged was lost or applied twice, both stores agree, and callers were told the truth. */
  async expectKept(): Promise<void> {
    if (this.ofAuthority) this.traffic.expectHonest();
    else this.traffic.expectServed();
    await this.traffic.expectKept(this.past);
    expect(await countRejects(this.past), "nothing was set aside").toBe(0);
  }

  async expectRecovered(): Promise<void> {
    await this.recover();
    await this.expectKept();
  }

  async end(): Promise<void> {
    await this.traffic.abandon();
    await closeAll(this.stores);
    await this.past.end();
  }
}

async function countRejects(past: Past): Promise<number> {
  const [row] = await past.sql`select count(*)::int as n from dual_write_rejects`;
  return row?.n as number;
}
