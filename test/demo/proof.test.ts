/** A proof that can't fail proves nothing: each breach is planted, and has to be found. */
import { expect, it } from "vitest";
import { Findings } from "../../examples/demo/findings.js";
import { Journal, type RecordKey } from "../../examples/demo/journal.js";
import type { Breach } from "../../examples/demo/judge.js";
import { prove } from "../../examples/demo/proof.js";
import { type PlantedSource, plantedSource } from "./planted-source.js";

const KEY: RecordKey = { collection: "users", id: "ann@example.org" };

/** A journal and a store that agree, with a record of each kind of history and a counter. */
function agreed(): { journal: Journal; source: PlantedSource } {
  const journal = new Journal();
  const source = plantedSource();
  put(journal, source, KEY.id);
  put(journal, source, KEY.id);
  put(journal, source, "gone@example.org");
  journal.intend([{ collection: "users", id: "gone@example.org" }], "delete").settle("acknowledged");
  source.held.delete("gone@example.org");
  journal.seed({ collection: "users", id: "legacy@example.org" }, { digest: "d1", expiresAt: null });
  source.held.set("legacy@example.org", { digest: "d1" });
  journal.seed({ collection: "users", id: "ended@example.org" }, { digest: "d2", expiresAt: Date.now() - 5000 });
  journal.seedCounter("ip:1:daily:2026-11-20", 3);
  journal.intendToCount(["ip:1:daily:2026-11-20"], 2).settle("acknowledged");
  source.sums.set("ip:1:daily:2026-11-20", 5);
  return { journal, source };
}

function put(journal: Journal, source: PlantedSource, id: string): number {
  const intent = journal.intend([{ collection: "users", id }], "put");
  intent.settle("acknowledged");
  source.held.set(id, { demo_mark: intent.mark });
  return intent.mark;
}

async function breaches(journal: Journal, source: PlantedSource): Promise<Record<Breach, number>> {
  const findings = new Findings();
  await prove(journal, source, findings);
  return findings.counts;
}

const NONE = { lost: 0, resurrected: 0, counter: 0, expired: 0 };

it("a store that holds what was acknowledged breaks no promise", async () => {
  const { journal, source } = agreed();
  expect(await breaches(journal, source)).toEqual(NONE);
});

it("finds an acknowledged write that isn't there", async () => {
  const { journal, source } = agreed();
  source.held.delete(KEY.id);
  expect(await breaches(journal, source)).toEqual({ ...NONE, lost: 1 });
});

it("finds an acknowledged write that an older one replaced", async () => {
  const { journal, source } = agreed();
  const older = source.held.get(KEY.id) as Record<string, unknown>;
  put(journal, source, KEY.id);
  source.held.set(KEY.id, older);
  expect(await breaches(journal, source)).toEqual({ ...NONE, lost: 1 });
});

it("finds a value that nobody wrote", async () => {
  const { journal, source } = agreed();
  source.held.set(KEY.id, { demo_mark: 999_999_999 });
  expect(await breaches(journal, source)).toEqual({ ...NONE, lost: 1 });
});

it("finds a legacy record that is gone, or whose bytes changed", async () => {
  const { journal, source } = agreed();
  source.held.delete("legacy@example.org");
  expect(await breaches(journal, source)).toEqual({ ...NONE, lost: 1 });
  source.held.set("legacy@example.org", { digest: "other" });
  expect(await breaches(journal, source)).toEqual({ ...NONE, lost: 1 });
});

it("finds a deleted record that came back", async () => {
  const { journal, source } = agreed();
  const mark = journal.record({ collection: "users", id: "gone@example.org" })?.writes[0]?.mark;
  source.held.set("gone@example.org", { demo_mark: mark });
  expect(await breaches(journal, source)).toEqual({ ...NONE, resurrected: 1 });
});

it("finds a record that is told after its end", async () => {
  const { journal, source } = agreed();
  source.held.set("ended@example.org", { digest: "d2" });
  expect(await breaches(journal, source)).toEqual({ ...NONE, expired: 1 });
});

it.each([4, 6])("finds a counter at %d that has to stand at 5", async (sum) => {
  const { journal, source } = agreed();
  source.sums.set("ip:1:daily:2026-11-20", sum);
  expect(await breaches(journal, source)).toEqual({ ...NONE, counter: 1 });
});

it("finds one client's lost update of a record that others updated as well", async () => {
  const { journal, source } = agreed();
  const lane = journal.intend([{ ...KEY, lane: "c1" }], "put");
  lane.settle("acknowledged");
  source.held.set(KEY.id, { ...source.held.get(KEY.id), demo_mark_c1: lane.mark });
  expect(await breaches(journal, source)).toEqual(NONE);
  source.held.set(KEY.id, { demo_mark: source.held.get(KEY.id)?.demo_mark });
  expect(await breaches(journal, source)).toEqual({ ...NONE, lost: 1 });
});

it("leaves a mirror the time it is given, and no more", async () => {
  const { journal, source } = agreed();
  const value = source.held.get(KEY.id) as Record<string, unknown>;
  source.held.delete(KEY.id);
  const late = {
    ...source,
    records: async (collection: string, ids: readonly string[]) => {
      if (source.looks === 2) source.held.set(KEY.id, value);
      return source.records(collection, ids);
    },
  };
  const findings = new Findings();
  expect(await prove(journal, late, findings, { patienceMs: 5000 })).toMatchObject({ broken: 0 });
  source.held.delete(KEY.id);
  expect(await prove(journal, source, findings, { patienceMs: 250 })).toMatchObject({ broken: 1 });
  expect(findings.counts).toEqual({ ...NONE, lost: 1 });
});

it("doesn't move the goal of a key that is written while the mirror is given time", async () => {
  const { journal, source } = agreed();
  source.held.delete(KEY.id);
  // Each look meets the write before the last one: behind, but never behind what was asked for at first.
  const trailing = {
    ...source,
    records: async (collection: string, ids: readonly string[]) => {
      const before = journal.record(KEY)?.writes.at(-1)?.mark;
      journal.intend([KEY], "put").settle("acknowledged");
      if (source.looks > 0) source.held.set(KEY.id, { demo_mark: before });
      return source.records(collection, ids);
    },
  };
  expect(await prove(journal, trailing, new Findings(), { patienceMs: 5000 })).toMatchObject({ broken: 0 });
});

it("counts what it left out as not looked at", async () => {
  const { journal, source } = agreed();
  source.held.clear();
  const holds = (entry: object) => "acknowledged" in entry;
  const proof = await prove(journal, source, new Findings(), { holds });
  expect(proof).toMatchObject({ records: 0, counters: 1, broken: 0 });
});

it("tells each key once, with who met it and when", async () => {
  const { journal, source } = agreed();
  source.held.delete(KEY.id);
  const findings = new Findings();
  findings.week = "Week 3";
  await prove(journal, source, findings);
  await prove(journal, source, findings);
  expect(findings.all).toMatchObject([
    { breach: "lost", key: "users ann@example.org", where: "a planted store", week: "Week 3" },
  ]);
});
