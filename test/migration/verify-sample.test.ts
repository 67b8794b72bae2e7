/** A verify of some of the records: which are compared, and that it is never taken for one of all. */
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../../src/errors.js";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { verify } from "../../src/migration/verify/verify.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const PEOPLE = 600;

async function writePeople(): Promise<void> {
  const pipeline = fixture().redis.pipeline();
  for (let n = 0; n < PEOPLE; n++) pipeline.set(`threadr:email:person${n}@example.org`, signUp());
  await pipeline.exec();
}

describe("a share", () => {
  test("is compared about as large as it was asked for, and leaves the evidence as it was", async () => {
    const { context } = fixture();
    await writePeople();
    await backfill(context);
    await verify(context);
    const before = await context.evidence.of("users");
    const report = await verify(context, { sample: { share: 0.25 }, pageSize: 100 });
    expect(report.sample).toBe(0.25);
    expect(report.compared).toBeGreaterThan(PEOPLE * 0.12);
    expect(report.compared).toBeLessThan(PEOPLE * 0.4);
    expect(await context.evidence.of("users")).toEqual(before);
  });

  test("finds differences of what only one store has", async () => {
    const { context, sql } = fixture();
    await writePeople();
    const missing = await verify(context, { sample: { share: 0.25 } });
    expect(missing.differences).toEqual({ missing: missing.compared });
    expect(missing.clean).toBe(false);
    await backfill(context);
    for (let n = 0; n < PEOPLE; n++) await fixture().redis.del(`threadr:email:person${n}@example.org`);
    const extra = await verify(context, { sample: { share: 0.25 } });
    expect(extra.differences).toEqual({ extra: extra.compared });
    expect(extra.compared).toBeLessThan(PEOPLE * 0.4);
    expect(await sql`SELECT 1 FROM dual_write_verify_runs`).toHaveLength(0);
  });

  test("is another one each time", async () => {
    const { context } = fixture();
    await writePeople();
    const options = { sample: { share: 0.25 }, showKeys: true, examples: PEOPLE };
    const [one, other] = [await verify(context, options), await verify(context, options)];
    const keys = (report: typeof one) => report.examples.map(({ key }) => key).sort();
    expect(keys(one)).not.toEqual(keys(other));
  });
});

test("a number of records is about the most that is compared; more than there are is all, and still no evidence", async () => {
  const { context } = fixture();
  await writePeople();
  await backfill(context);
  const some = await verify(context, { sample: { records: 60 } });
  expect(some).toMatchObject({ clean: true });
  expect(some.compared).toBeGreaterThan(0);
  expect(some.compared).toBeLessThan(150);
  const all = await verify(context, { sample: { records: 1_000_000 } });
  expect(all).toMatchObject({ compared: PEOPLE, sample: 1 });
  expect((await context.evidence.of("users")).verifiedAt).toBeNull();
});

test.each([{ share: 0 }, { share: 1.5 }, { share: Number.NaN }, { records: 0 }, { records: 2.5 }])(
  "refuses %j before it looks at anything",
  async (sample) => {
    await expect(verify(fixture().context, { sample })).rejects.toThrow(ConfigurationError);
  },
);
