/** The control tables as the gate and the fleet use them. */
import { describe, expect, test } from "vitest";
import { useFixture } from "./fixture.js";

const fixture = useFixture();
const records = () => fixture().context.evidence;

test("nothing is known at first", async () => {
  expect(await records().of("users")).toEqual({
    backfilledAt: null,
    verifiedAt: null,
    verifiedClean: false,
    divergencesSinceVerify: 0,
    rejects: 0,
    refused: 0,
  });
  expect(await records().forcedPassage("DUAL_WRITE")).toBeNull();
  expect(await records().lastBackfill()).toBeNull();
});

test("a verify counts by its collection, the newest alone, and divergences since its beginning", async () => {
  const divergence = { kind: "value", collection: "users", keyHash: "a", redisStamp: 2 ** 50, postgresStamp: null };
  await records().recordDivergence(divergence);
  expect(await records().of("users")).toMatchObject({ divergencesSinceVerify: 1 });
  const startedAt = new Date();
  await records().recordVerify({ collection: "users", startedAt, compared: 5, differences: {}, clean: true });
  expect(await records().of("users")).toMatchObject({ verifiedClean: true, divergencesSinceVerify: 0 });
  await records().recordDivergence(divergence);
  await records().recordDivergence({ ...divergence, keyHash: "b" });
  expect(await records().of("users")).toMatchObject({ verifiedClean: true, divergencesSinceVerify: 2 });
  await records().recordVerify({
    collection: "users",
    startedAt: new Date(),
    compared: 5,
    differences: { value: 2 },
    clean: false,
  });
  expect(await records().of("users")).toMatchObject({ verifiedClean: false, divergencesSinceVerify: 0 });
  expect((await records().of("threads")).verifiedAt).toBeNull();
});

test("a forced passage is found for a day, with its reason", async () => {
  const decision = {
    what: "forced-passage",
    strategy: "POSTGRES_PRIMARY",
    reason: "known\0",
    forced: true,
    process: "p",
  } as const;
  await records().recordDecision({ ...decision, what: "flip" });
  expect(await records().forcedPassage("POSTGRES_PRIMARY")).toBeNull();
  await records().recordDecision(decision);
  expect(await records().forcedPassage("POSTGRES_PRIMARY")).toMatchObject({
    reason: "known\ufffd",
    at: expect.any(Date),
  });
  expect(await records().forcedPassage("DUAL_WRITE")).toBeNull();
  await fixture().sql`UPDATE dual_write_decisions SET at = now() - interval '25 hours'`;
  expect(await records().forcedPassage("POSTGRES_PRIMARY")).toBeNull();
});

describe("the rejects list", () => {
  const reject = {
    collection: "users",
    key: "k",
    reason: "bad",
    value: Buffer.from([0, 255]),
    source: "backfill",
    stamp: 0,
  };

  test("has one row for each key, however often it is set aside", async () => {
    await records().setAside([reject, { ...reject, reason: "worse" }]);
    await records().setAside([{ ...reject, reason: "worst", value: null }]);
    const rows = await fixture().sql`SELECT reason, value, attempts FROM dual_write_rejects`;
    expect(rows).toEqual([{ reason: "worst", value: null, attempts: 2 }]);
    expect(await records().rejectCount()).toBe(1);
  });

  test("keeps what was refused of a later state, whatever an older look brings", async () => {
    await records().setAside([{ ...reject, stamp: 20, reason: "later", source: "drain" }]);
    await records().setAside([{ ...reject, stamp: 10, reason: "late" }]);
    const of = async () => (await records().knownRejects("users", ["k"])).get("k");
    expect(await of()).toMatchObject({ reason: "later", source: "drain", stamp: 20 });
    await records().takeBack("users", [{ key: "k", stamp: 19 }]);
    expect(await of()).toMatchObject({ stamp: 20 });
    await records().setAside([{ ...reject, stamp: 30, reason: "latest" }]);
    expect(await of()).toMatchObject({ reason: "latest", source: "backfill", stamp: 30 });
    expect(await records().pageRejects("users", 0, 10)).toMatchObject([{ key: "k", attempts: 2, stamp: 30 }]);
    await records().takeBack("users", [{ key: "k", stamp: 30 }]);
    expect(await of()).toBeUndefined();
  });

  test("keeps keys apart that can't be stored as they are", async () => {
    const long = "x".repeat(5000);
    const keys = ["a\0", "a\ufffd", `${long}1`, `${long}2`, "\ud800"];
    await records().setAside(keys.map((key) => ({ ...reject, key })));
    expect(await records().rejectCount()).toBe(keys.length);
    expect([...(await records().knownRejects("users", keys)).keys()]).toEqual(keys);
    await records().takeBack("users", [{ key: "a\0", stamp: 0 }]);
    await records().takeBack(
      "users",
      [`${long}1`, "other"].map((key) => ({ key, stamp: 0 })),
    );
    expect([...(await records().knownRejects("users", keys)).keys()]).toEqual(["a\ufffd", `${long}2`, "\ud800"]);
  });

  test("takes thousands at once", async () => {
    await records().setAside(Array.from({ length: 1700 }, (_, n) => ({ ...reject, key: `k${n}` })));
    expect(await records().rejectCount()).toBe(1700);
  });
});

describe("a figure of the statistics", () => {
  const figure = { metric: "threads", bucket: "2026-11-20", value: "3", original: "3" };

  test("isn't overwritten by one that was read earlier", async () => {
    expect(await records().putTimeseries([figure], 2000)).toBe(1);
    expect(await records().putTimeseries([{ ...figure, value: "2", original: "2" }], 1000)).toBe(0);
    expect(await records().putTimeseries([figure], 3000)).toBe(0);
    expect(await records().readTimeseries()).toEqual([figure]);
  });
});
