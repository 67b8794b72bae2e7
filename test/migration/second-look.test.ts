/** The second look: what a repair log explains is no difference, what nothing explains is one. */
import { expect, test } from "vitest";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { SecondLook } from "../../src/migration/verify/second-look.js";
import { lookAtBoth } from "../../src/migration/verify/side-by-side.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const ID = "ann@example.org";

test("a write whose repair-log entry waits is explained; without the entry it is a difference", async () => {
  const { context, redis } = fixture();
  const users = fixture().records("users");
  await redis.set(`threadr:email:${ID}`, signUp());
  await backfill(context);
  const term = await fixture().term();
  const one = { id: ID, bytes: Buffer.from(signUp({ role: "live" })), expiresAt: null, operationId: "live" };
  await context.redis.store.writeRecords(users, term, [one]);

  const second = new SecondLook(context, "redis");
  const look = async () => second.suspects(users, [ID], await lookAtBoth(context, users, [ID]), Date.now());
  const suspects = await look();
  expect(suspects).toHaveLength(1);
  expect(await second.settle(suspects)).toMatchObject({ findings: [], passing: ["users"] });

  await context.redis.store.clearLog(users, await context.redis.store.readLog(users, 10));
  expect(await second.settle(await look())).toMatchObject({ findings: [{ kind: "value", id: ID }], passing: [] });
});

test("what was set aside is known by its bytes: other bytes are a difference again", async () => {
  const { context, redis } = fixture();
  const users = fixture().records("users");
  await redis.set(`threadr:email:${ID}`, "{");
  await backfill(context);
  const second = new SecondLook(context, "redis");
  const look = async () => second.suspects(users, [ID], await lookAtBoth(context, users, [ID]), Date.now());
  expect(await second.settle(await look())).toMatchObject({
    findings: [],
    setAside: [{ collection: "users", reason: expect.stringContaining("can't be decoded") }],
  });
  await redis.set(`threadr:email:${ID}`, "[");
  expect(await second.settle(await look())).toMatchObject({ findings: [{ kind: "undecodable" }], setAside: [] });
});

test("what differs in another way by the second look, and stands still then, is a difference", async () => {
  const { context, redis } = fixture();
  const users = fixture().records("users");
  await redis.set(`threadr:email:${ID}`, signUp());
  await backfill(context);
  await redis.set(`threadr:email:${ID}`, signUp({ role: "passing" }));
  const second = new SecondLook(context, "redis");
  const suspects = second.suspects(users, [ID], await lookAtBoth(context, users, [ID]), Date.now());
  await redis.set(`threadr:email:${ID}`, signUp({ role: "left" }));
  expect(await second.settle(suspects)).toMatchObject({ findings: [{ kind: "value", id: ID }], passing: [] });
});
