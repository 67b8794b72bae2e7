/** A backfill of values that are great together: Postgres gets them in calls of a bounded size, each with its own deadline. */
import { expect, test, vi } from "vitest";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { useFixture } from "./fixture.js";

const fixture = useFixture();
const MIB = 2 ** 20;

test("no call to Postgres holds much more than 4 MB, or one value", async () => {
  const { context, redis } = fixture();
  const value = (note: string) => JSON.stringify({ source: "landing", note });
  for (let n = 0; n < 14; n++) await redis.set(`threadr:email:great${n}@example.org`, value("x".repeat(1.5 * MIB)));
  for (let n = 0; n < 30; n++) await redis.set(`threadr:email:small${n}@example.org`, value("x"));
  const applying = vi.spyOn(context.postgres.store, "applyRecords");
  expect(await backfill(context)).toMatchObject({ state: "finished", counts: { seen: 44, copied: 44 } });
  const sizes = applying.mock.calls.map(([, , states]) =>
    states.reduce((sum, { state }) => sum + (state.bytes?.length ?? 0), 0),
  );
  expect(Math.max(...sizes)).toBeLessThan(6 * MIB);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(20 * MIB);
});
