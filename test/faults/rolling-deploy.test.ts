/** Real processes under traffic, replaced one after another through every stage and back: nothing is refused, and nothing diverges. */
import { afterEach, describe, expect, it } from "vitest";
import { Migration } from "../../src/migration/migration.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, closeAll, drained, ledger, ledgers, openFleet, Past, STAGES } from "./support.js";
import { Writer } from "./writer.js";
import { expectWritersKept } from "./writers-kept.js";

const PROCESSES = 2;
const WALK = [1, 2, 3, 2, 1, 0].map((stage) => STAGES[stage] as (typeof STAGES)[number]);

let pair: Pair;
let past: Past;
const all: Writer[] = [];
let started = 0;

afterEach(async () => {
  await Promise.all(all.splice(0).map((writer) => writer.kill()));
  await past?.end();
  await pair?.end();
});

async function start(strategy: (typeof STAGES)[number]): Promise<Writer> {
  const writer = await Writer.start(pair, `p${started++}`, strategy, { pauseMs: 15 });
  all.push(writer);
  return writer;
}

/** Every kind of operation was acknowledged to it a few times. */
const busy = (writer: Writer) =>
  waitFor(
    () => (["append", "put", "delete", "count", "read"] as const).every((kind) => writer.acknowledged(kind).length > 3),
    {
      what: `${writer.name} to be busy`,
      timeoutMs: 20_000,
    },
  );

/** The store that decides now, by its fence. */
async function authority(): Promise<"redis" | "postgres" | null> {
  const [row] = await past.sql`select role from dual_write_fence`;
  if (row?.role === "authority") return "postgres";
  return (await past.redis.get("dual-write:fence"))?.includes(" authority ") ? "redis" : null;
}

describe("a rolling deploy", () => {
  it("through every stage forward and back refuses no request, loses and doubles nothing, and diverges nowhere", async () => {
    pair = await openPair();
    past = new Past(pair);
    const [first] = await openFleet(pair, [STAGES[0]], "redis");
    await ledgers(first as never).put("shared", ledger());
    await closeAll([first as never]);

    let fleet = await Promise.all(Array.from({ length: PROCESSES }, () => start(STAGES[0])));
    for (const strategy of WALK) {
      const next: Writer[] = [];
      for (const old of fleet) {
        const newcomer = await start(strategy);
        next.push(newcomer);
        await busy(newcomer);
        await old.stop();
      }
      fleet = next;
      await waitFor(async () => (await authority()) === authorityOf(strategy), {
        what: `the authority to be ${authorityOf(strategy)} at ${strategy}`,
        timeoutMs: 20_000,
      });
    }
    await Promise.all(fleet.map(busy));
    await Promise.all(fleet.map((writer) => writer.stop()));

    const [last] = await openFleet(pair, [STAGES[0]], "redis");
    await drained(last as never);
    await expectWritersKept(past, all);
    const [divergences] = await past.sql`select count(*)::int as n from dual_write_divergence`;
    expect(divergences?.n).toBe(0);
    const migration = await Migration.open({ redis: pair.redis.url, postgres: pair.databaseUrl });
    const report = await migration.verify().finally(() => migration.close());
    expect(report.differences).toEqual({});
    await closeAll([last as never]);
  }, 240_000);
});
