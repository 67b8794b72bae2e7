import { beforeEach, describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import { derivedUserId, type LegacySignUp } from "../../src/collections/users.js";
import { UsersRepository } from "../../src/collections/users-repository.js";
import { AuthorityUnavailableError, DuplicateEmailError, ValidationError } from "../../src/errors.js";
import { ManualClock, MemoryRecords } from "./memory-ports.js";

const NOW = Date.parse("2026-11-20T12:00:00.500Z");
const ANN_ID = derivedUserId("ann@example.org");

let clock: ManualClock;
let records: MemoryRecords<LegacySignUp>;
let users: UsersRepository;

beforeEach(() => {
  clock = new ManualClock(NOW);
  records = new MemoryRecords(builtinCollections().users.bind({ prefix: "threadr:" }), clock);
  users = new UsersRepository({ records, clock });
});

describe("creating a user", () => {
  it("stores a legacy sign-up for two years, under the email in lower case", async () => {
    const user = await users.create({
      email: " Ann@Example.org",
      source: "landing",
      userAgent: "UA",
      utm_source: "x",
      plan: { a: 1 },
    });
    const text = `{"subscribed_at": "2026-11-20T12:00:00.500000", "source": "landing", "user_agent": "UA", "utm_source": "x", "plan": {"a": 1}, "user_id": "${ANN_ID}"}`;
    expect([...records.held.keys()]).toEqual(["threadr:email:ann@example.org"]);
    expect(records.text("ann@example.org")).toBe(text);
    expect(records.expiresAt("ann@example.org")).toBe(NOW + 63_072_000_000);
    expect(user).toEqual({
      id: ANN_ID,
      email: "ann@example.org",
      subscribedAt: "2026-11-20T12:00:00.500000",
      source: "landing",
      userAgent: "UA",
      utmSource: "x",
      plan: { a: 1 },
    });
    expect(await users.findById(ANN_ID)).toEqual(user);
    expect(await users.findByEmail("ANN@example.org")).toEqual(user);
  });

  it("keeps an id and a date that are given, under either name", async () => {
    await users.create({ email: "a@b", id: "u1", subscribedAt: new Date("2020-01-01T00:00:00Z") });
    await users.create({ email: "c@d", user_id: "u2", subscribed_at: "2020-01-01 00:00:00" } as never);
    expect(JSON.parse(records.text("a@b") ?? "")).toEqual({ user_id: "u1", subscribed_at: "2020-01-01T00:00:00" });
    expect(await users.findById("u2")).toMatchObject({ email: "c@d", subscribedAt: "2020-01-01 00:00:00" });
  });

  it("refuses an email that has signed up, in any case", async () => {
    await users.create({ email: "ann@example.org" });
    await expect(users.create({ email: "ANN@example.org" })).rejects.toBeInstanceOf(DuplicateEmailError);
  });

  it("refuses an email that a legacy key has in the case given", async () => {
    records.seed("threadr:email:Ann@Example.org", "{}");
    await expect(users.create({ email: "Ann@Example.org" })).rejects.toBeInstanceOf(DuplicateEmailError);
    expect(records.held.size).toBe(1);
  });

  it("takes the place of a sign-up that has expired", async () => {
    records.seed("threadr:email:ann@example.org", "{}", NOW);
    expect(await users.create({ email: "ann@example.org" })).toMatchObject({ id: ANN_ID });
  });

  it("tells what stands, where a repetition may have found what the first call wrote", async () => {
    records.create = async () => true;
    records.seed("threadr:email:ann@example.org", '{"subscribed_at": "2026-11-20T11:59:00"}');
    const user = await users.create({ email: "ann@example.org" }, { operationId: "op" });
    expect(user.subscribedAt).toBe("2026-11-20T11:59:00");
  });

  it("doesn't fail for a read after the write", async () => {
    records.failing.add("ann@example.org");
    expect(await users.create({ email: "ann@example.org" }, { operationId: "op" })).toMatchObject({ id: ANN_ID });
  });

  it.each([
    ["no email", {}, "email"],
    ["a blank email", { email: " " }, "email"],
    ["an email without @", { email: "ann" }, "email"],
    ["an email that is too long", { email: `${"a".repeat(320)}@b` }, "email"],
    ["an email with control characters", { email: "a\u0000@b" }, "email"],
    ["a blank id", { email: "a@b", id: "" }, "id"],
    ["two ids", { email: "a@b", id: "1", user_id: "2" }, "id"],
    ["a wrong date", { email: "a@b", subscribedAt: "yesterday" }, "subscribedAt"],
    ["a name that is no text", { email: "a@b", name: 1 }, "name"],
    ["two different values for one field", { email: "a@b", userAgent: "x", user_agent: "y" }, "user_agent"],
  ])("is refused for %s, and nothing is sent", async (_, input, path) => {
    const refused = users.create(input as never);
    await expect(refused).rejects.toBeInstanceOf(ValidationError);
    await expect(refused).rejects.toMatchObject({ issues: [{ path }] });
    expect(records.calls).toEqual([]);
  });
});

describe("finding a user", () => {
  it("shows a legacy sign-up with the id made from its email", async () => {
    records.seed(
      "threadr:email:ann@example.org",
      '{"subscribed_at": "2026-11-20 09:30:00", "user_agent": "UA", "email": "ANN@example.org", "id": 7, "x": "\\ud800"}',
    );
    const ann = {
      id: ANN_ID,
      email: "ann@example.org",
      subscribedAt: "2026-11-20 09:30:00",
      userAgent: "UA",
      x: "\ud800",
    };
    expect(await users.findByEmail("ann@example.org")).toEqual(ann);
    expect(await users.findById(ANN_ID)).toEqual(ann);
  });

  it("by email looks under the spelling given too, and only then", async () => {
    records.seed("threadr:email:Ann@Example.org", '{"source": "old"}');
    expect(await users.findByEmail("Ann@Example.org")).toMatchObject({
      email: "ann@example.org",
      source: "old",
      id: ANN_ID,
    });
    expect(await users.findByEmail("ANN@Example.org")).toBeNull();
    records.calls.length = 0;
    expect(await users.findByEmail("ann@example.org")).toBeNull();
    expect(records.calls.map(({ ids }) => ids)).toEqual([["ann@example.org"]]);
  });

  it("prefers what stands under the normal spelling", async () => {
    records.seed("threadr:email:Ann@Example.org", '{"source": "old"}');
    records.seed("threadr:email:ann@example.org", '{"source": "new"}');
    expect(await users.findByEmail("Ann@Example.org")).toMatchObject({ source: "new" });
  });

  it("never says null where it can't be known", async () => {
    records.failing.add("*");
    await expect(users.findByEmail("ann@example.org")).rejects.toBeInstanceOf(AuthorityUnavailableError);
    await expect(users.findById("u1")).rejects.toBeInstanceOf(AuthorityUnavailableError);
    await expect(users.delete("u1")).rejects.toBeInstanceOf(AuthorityUnavailableError);
  });

  it("asks for a text", async () => {
    for (const wrong of ["", " ", undefined, 7, "a\u0000"]) {
      await expect(users.findByEmail(wrong as never)).rejects.toBeInstanceOf(ValidationError);
      await expect(users.findById(wrong as never)).rejects.toBeInstanceOf(ValidationError);
    }
  });
});

describe("updating a user", () => {
  const STORED =
    '{"subscribed_at": "2026-11-20T09:30:00.123456", "user_agent": "UA", "email": "ANN@example.org", "n": 12345678901234567890, "odd": "\\ud800", "userAgent": "form"}';

  beforeEach(() => records.seed("threadr:email:ann@example.org", STORED, NOW + 1000));

  it("changes what the function changes and nothing else, byte by byte, and not when it ends", async () => {
    const user = await users.update(ANN_ID, (one) => ({ ...one, role: "premium" }));
    expect(user).toMatchObject({
      id: ANN_ID,
      email: "ann@example.org",
      role: "premium",
      userAgent: "UA",
      n: 12345678901234567890n,
    });
    expect(records.text("ann@example.org")).toBe(`${STORED.slice(0, -1)}, "role": "premium"}`);
    expect(records.expiresAt("ann@example.org")).toBe(NOW + 1000);
  });

  it("stores known fields under their legacy names, and removes what is left out", async () => {
    await users.update(ANN_ID, ({ odd: _, ...one }) => ({
      ...one,
      userAgent: "new",
      subscribedAt: new Date(NOW),
      n: undefined,
    }));
    expect(records.text("ann@example.org")).toBe(
      '{"subscribed_at": "2026-11-20T12:00:00.500000", "user_agent": "new", "email": "ANN@example.org", "userAgent": "form"}',
    );
  });

  it("sees a change inside of a field that the function changed in place", async () => {
    records.seed("threadr:email:ann@example.org", '{"tags": ["a"]}');
    await users.update(ANN_ID, (one) => {
      (one.tags as string[]).push("b");
      return one;
    });
    expect(records.text("ann@example.org")).toBe('{"tags": ["a", "b"]}');
  });

  it("keeps another's change of another field that came between", async () => {
    records.meanwhile = () => records.seed("threadr:email:ann@example.org", '{"source": "other"}');
    await users.update(ANN_ID, (one) => ({ ...one, role: "premium" }));
    expect(records.text("ann@example.org")).toBe('{"source": "other", "role": "premium"}');
  });

  it("finds none when the record became another user's meanwhile", async () => {
    records.meanwhile = () => records.seed("threadr:email:ann@example.org", '{"user_id": "u2"}');
    expect(await users.update(ANN_ID, (one) => ({ ...one, role: "premium" }))).toBeNull();
    expect(records.text("ann@example.org")).toBe('{"user_id": "u2"}');
  });

  it("says null for an unknown id", async () => {
    expect(await users.update("nobody", (one) => one)).toBeNull();
  });

  it.each([
    ["another email", (one: object) => ({ ...one, email: "bob@example.org" }), "email"],
    ["another id", (one: object) => ({ ...one, id: "u2" }), "id"],
    ["a part of the user", () => ({ role: "premium" }), "user"],
    ["nothing", () => undefined, "user"],
    ["a wrong field", (one: object) => ({ ...one, name: 1 }), "name"],
  ])("is refused where the function returns %s", async (_, change, path) => {
    await expect(users.update(ANN_ID, change as never)).rejects.toMatchObject({
      code: "VALIDATION",
      issues: [{ path }],
    });
    expect(records.text("ann@example.org")).toBe(STORED);
  });

  it("takes the same email in another case for no change", async () => {
    expect(await users.update(ANN_ID, (one) => ({ ...one, email: "ANN@example.org" }))).not.toBeNull();
    expect(records.text("ann@example.org")).toBe(STORED);
  });

  it("asks for a function", async () => {
    await expect(users.update(ANN_ID, { role: "x" } as never)).rejects.toBeInstanceOf(ValidationError);
  });
});

describe("deleting a user", () => {
  it("says whether there was one", async () => {
    records.seed("threadr:email:ann@example.org", "{}");
    expect(await users.delete(ANN_ID)).toBe(true);
    expect(await users.delete(ANN_ID)).toBe(false);
    expect(records.held.size).toBe(0);
  });
});
