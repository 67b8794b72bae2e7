/** The desk holds each answer against the journal while traffic goes on, and isn't fooled by how an answer came. */
import { beforeEach, expect, it } from "vitest";
import { type Backends, Desk } from "../../examples/demo/desk.js";
import { Findings } from "../../examples/demo/findings.js";
import { Journal } from "../../examples/demo/journal.js";

const KEY = { collection: "users", id: "ann@example.org" };
type Scripted = { status: number; body: unknown; fallback?: boolean } | Error;

let sent: { path: string; body: { operationId?: string } }[];
let answers: Scripted[];
let desk: Desk;

const backends: Backends = {
  request: async (path, body) => {
    sent.push({ path, body: body as { operationId?: string } });
    const answer = answers.shift() as Scripted;
    if (answer instanceof Error) throw answer;
    return { fallback: false, ...answer, process: "backend 1" };
  },
};

const ok = (body: unknown): Scripted => ({ status: 200, body });
const refused = (code: string): Scripted => ({ status: 503, body: { error: { code, message: "" } } });

beforeEach(() => {
  sent = [];
  desk = new Desk({ backends, journal: new Journal(), findings: new Findings() });
});

async function write(...script: Scripted[]) {
  answers = script;
  const intent = desk.journal.intend([KEY], "put");
  return { intent, body: await desk.write("/users/update", {}, intent) };
}

async function read(reply: { kind: string; value: unknown; fallback?: boolean }) {
  answers = [ok([{ fallback: false, ...reply }])];
  await desk.readRecords("users", [KEY.id]);
  return desk.findings.counts;
}

it("an answer that is older than an acknowledged write is found", async () => {
  const first = await write(ok({}));
  await write(ok({}));
  expect(await read({ kind: "hit", value: { demo_mark: first.intent.mark } })).toMatchObject({ lost: 1 });
});

it("an answer of the other store that says so may be older", async () => {
  const first = await write(ok({}));
  await write(ok({}));
  const stale = { kind: "hit", value: { demo_mark: first.intent.mark }, fallback: true };
  expect(await read(stale)).toMatchObject({ lost: 0 });
  expect(desk.counts.fallbacks).toBe(1);
});

it("an ended record isn't told by either store", async () => {
  const intent = desk.journal.intend([KEY], "put", { expiresAt: Date.now() - 5000 });
  intent.settle("acknowledged");
  const ended = { kind: "hit", value: { demo_mark: intent.mark }, fallback: true };
  expect(await read(ended)).toMatchObject({ expired: 1 });
});

it("a deleted record that is told is found", async () => {
  const { intent } = await write(ok({}));
  desk.journal.intend([KEY], "delete").settle("acknowledged");
  expect(await read({ kind: "hit", value: { demo_mark: intent.mark } })).toMatchObject({ resurrected: 1 });
});

it("a deleted user that can't sign up again has come back", async () => {
  answers = [{ status: 409, body: { error: { code: "DUPLICATE_EMAIL", message: "" } } }];
  await desk.write("/users/create", {}, desk.journal.intend([KEY], "put"), { mustNotExist: KEY });
  expect(desk.findings.counts).toMatchObject({ resurrected: 1 });
});

it("a counter that lacks an acknowledged use is found, and isn't where a use is still under way", async () => {
  desk.journal.intendToCount(["c"], 2).settle("acknowledged");
  desk.journal.intendToCount(["c"], 1);
  for (const [value, off] of [
    [2, 0],
    [3, 0],
    [1, 1],
  ] as const) {
    answers = [ok([{ kind: "hit", value, fallback: false }])];
    await desk.readCounters(["c"]);
    expect(desk.findings.counts.counter).toBe(off);
  }
});

it("a refused write isn't acknowledged, and counts as a refused request", async () => {
  const { intent } = await write(ok({}));
  await write(refused("AUTHORITY_UNAVAILABLE"));
  expect(desk.counts).toMatchObject({ served: 1, refused: 1, unknown: 0 });
  expect(desk.journal.record(KEY)?.writes.map(({ outcome }) => outcome)).toEqual(["acknowledged", "refused"]);
  expect(await read({ kind: "hit", value: { demo_mark: intent.mark } })).toMatchObject({ lost: 0 });
});

it.each([refused("OUTCOME_UNKNOWN"), new Error("socket hang up")])(
  "a write in doubt is repeated with its operation id",
  async (doubt) => {
    const { body } = await write(doubt, ok({ id: "1" }));
    expect(body).toEqual({ id: "1" });
    expect(sent).toHaveLength(2);
    expect(sent[1]?.body.operationId).toBe(sent[0]?.body.operationId);
    expect(desk.journal.record(KEY)?.writes[0]?.outcome).toBe("acknowledged");
  },
);

it("a write in doubt stays in doubt when its repetition is refused", async () => {
  await write(refused("OUTCOME_UNKNOWN"), refused("AUTHORITY_UNAVAILABLE"));
  expect(desk.journal.record(KEY)?.writes[0]?.outcome).toBe("unknown");
  expect(desk.counts.unknown).toBe(1);
});

it("an operation that is sent twice is journalled once", async () => {
  answers = [ok({}), ok({})];
  await desk.write("/usage/track", {}, desk.journal.intendToCount(["c"], 1), { repeat: true });
  expect(sent[1]?.body.operationId).toBe(sent[0]?.body.operationId);
  expect(desk.journal.counter("c")).toMatchObject({ acknowledged: 1, possible: 1 });
});

it("nothing was changed where the backend says that there is nothing, and it must not say so of what is there", async () => {
  await write(ok({}));
  const update = async (answer: Scripted) => {
    answers = [answer];
    const intent = desk.journal.intend([KEY], "put");
    await desk.write("/users/update", {}, intent, { mustExist: KEY });
    return desk.findings.counts.lost;
  };
  expect(await update({ status: 200, body: null, fallback: true })).toBe(0);
  expect(await update(ok(null))).toBe(1);
  expect(desk.journal.record(KEY)?.writes.map(({ outcome }) => outcome)).toEqual([
    "acknowledged",
    "refused",
    "refused",
  ]);
});
