/** The rejects list while others set aside: an older look at a record never hides what was refused of a later state of it. */
import { expect, test } from "vitest";
import { drainAll } from "../../src/engine/drain.js";
import { endsOf } from "../../src/migration/backfill/copy-page.js";
import { copyRecordPage } from "../../src/migration/backfill/copy-records.js";
import { RejectsList } from "../../src/migration/backfill/rejects-list.js";
import { readRecordPage } from "../../src/migration/keyspace/record-page.js";
import { takeBackSettled } from "../../src/migration/verify/settled-rejects.js";
import { retrySetAside, setAside } from "../../src/strategy/set-aside.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const ID = "ann@example.org";
const KEY = `threadr:email:${ID}`;

let operations = 0;

/** A write of the library in Redis. */
async function write(bytes: string | null, expiresAt: number | null = null): Promise<void> {
  const one = {
    id: ID,
    bytes: bytes === null ? null : Buffer.from(bytes),
    expiresAt,
    operationId: `live-${++operations}`,
  };
  const { redis } = fixture().context;
  const reply = await redis.store.writeRecords(fixture().records("users"), await fixture().term(), [one]);
  expect(reply).toMatchObject({ fenced: false, results: [{ kind: "written" }] });
}

/** Until the log is empty: what Postgres refuses is set aside. */
async function drain(): Promise<void> {
  const { context } = fixture();
  const options = { term: await fixture().term(), adopt: true, refuse: setAside(context) };
  expect(await drainAll(context, fixture().records("users"), context.redis, context.postgres, options)).toBe(true);
}

const readPage = async () =>
  readRecordPage(fixture().context, fixture().records("users"), [ID], await fixture().term());

/** What a backfill does with a page, as late as this is called. */
async function bring(page: Awaited<ReturnType<typeof readPage>>) {
  const { context } = fixture();
  const endings = await copyRecordPage(context, page, await context.postgres.store.now());
  await new RejectsList(context).keep(endsOf(page, endings), "backfill");
  return endings[0]?.outcome;
}

const onTheList = async () => (await fixture().rejects()).map(({ key, value }) => [key, value?.toString()]);

test("what the drain set aside isn't replaced by what a backfill is refused of an earlier state", async () => {
  await write("{ earlier");
  const page = await readPage();
  await write("{ later");
  await drain();
  expect(await bring(page)).toBe("setAside");
  expect(await onTheList()).toEqual([[KEY, "{ later"]]);
});

test("nor taken off by a backfill that copied an earlier state", async () => {
  await write(signUp());
  const page = await readPage();
  await write("{ later");
  await drain();
  expect(await bring(page)).toBe("copied");
  expect(await onTheList()).toEqual([[KEY, "{ later"]]);
});

test("nor by one that finds an earlier state in both stores", async () => {
  await write(signUp());
  await drain();
  const page = await readPage();
  await write("{ later");
  await drain();
  expect(await bring(page)).toBe("unchanged");
  expect(await onTheList()).toEqual([[KEY, "{ later"]]);
});

test("a later state that the backfill copies takes it off", async () => {
  await write("{ earlier");
  await drain();
  expect(await onTheList()).toEqual([[KEY, "{ earlier"]]);
  await write(signUp());
  expect(await bring(await readPage())).toBe("copied");
  expect(await onTheList()).toEqual([]);
});

test("a delete that Postgres refused stays on the list though Postgres holds an earlier delete, until it is sent again", async () => {
  const { context, sql } = fixture();
  await write(signUp());
  await write(null);
  await drain();
  await write(signUp());
  await write(null);
  await sql`ALTER TABLE users ADD CONSTRAINT none CHECK (false) NOT VALID`;
  await drain();
  expect(await onTheList()).toEqual([[KEY, undefined]]);
  await takeBackSettled(context, fixture().records("users"), "redis");
  expect(await onTheList()).toEqual([[KEY, undefined]]);
  await sql`ALTER TABLE users DROP CONSTRAINT none`;
  expect(await retrySetAside(context, fixture().records("users"), [ID])).toMatchObject([{ outcome: "sent" }]);
  expect(await onTheList()).toEqual([]);
});

test("what Postgres lacks stays on the list also for the last seconds before it ends", async () => {
  const { context, sql } = fixture();
  await sql`ALTER TABLE users ADD CONSTRAINT none CHECK (false) NOT VALID`;
  await write(signUp(), (await context.redis.store.now()) + 1800);
  await drain();
  await takeBackSettled(context, fixture().records("users"), "redis");
  expect(await onTheList()).toEqual([[KEY, signUp()]]);
});
