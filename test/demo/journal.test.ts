/** What the journal lets a store say of a key: exactly what can be, given who was told what. */
import { describe, expect, it } from "vitest";
import { Journal, type RecordEntry, type RecordKey, type WriteOutcome } from "../../examples/demo/journal.js";
import { judgeCounter, judgeRecord, type Look, markField } from "../../examples/demo/judge.js";

const KEY: RecordKey = { collection: "users", id: "ann@example.org" };
const NOW = Date.parse("2026-11-20T10:00:00Z");

function entryOf(journal: Journal): RecordEntry {
  return journal.record(KEY) as RecordEntry;
}

function lookNow(journal: Journal): Look {
  return { tick: journal.tick, beganAt: NOW, endedAt: NOW };
}

function judge(journal: Journal, mark: number | null, look = lookNow(journal)) {
  return (
    judgeRecord(entryOf(journal), { value: mark === null ? null : { [markField()]: mark } }, look)?.breach ?? "fine"
  );
}

function write(
  journal: Journal,
  kind: "put" | "delete",
  outcome: Exclude<WriteOutcome, "pending"> | "pending",
  expiresAt?: number,
) {
  const intent = journal.intend([KEY], kind, { expiresAt: expiresAt ?? null });
  if (outcome !== "pending") intent.settle(outcome);
  return intent;
}

describe("a record", () => {
  it("may show a write that is under way, or not yet", () => {
    const journal = new Journal();
    const first = write(journal, "put", "acknowledged");
    const second = write(journal, "put", "pending");
    expect(judge(journal, first.mark)).toBe("fine");
    expect(judge(journal, second.mark)).toBe("fine");
    expect(judge(journal, null)).toBe("lost");
  });

  it("needs not show a write that was acknowledged after the look began", () => {
    const journal = new Journal();
    const first = write(journal, "put", "acknowledged");
    const look = lookNow(journal);
    const second = write(journal, "put", "acknowledged");
    expect(judge(journal, first.mark, look)).toBe("fine");
    expect(judge(journal, second.mark, look)).toBe("fine");
    expect(judge(journal, first.mark)).toBe("lost");
  });

  it("may show a write of unknown outcome at any time after, even over a later one", () => {
    const journal = new Journal();
    const unknown = write(journal, "put", "unknown");
    const later = write(journal, "put", "acknowledged");
    expect(judge(journal, unknown.mark)).toBe("fine");
    expect(judge(journal, later.mark)).toBe("fine");
  });

  it("never shows a refused write", () => {
    const journal = new Journal();
    write(journal, "put", "acknowledged");
    const refused = write(journal, "put", "refused");
    expect(judge(journal, refused.mark)).toBe("lost");
  });

  it("isn't there after its delete, until it is written again", () => {
    const journal = new Journal();
    const first = write(journal, "put", "acknowledged");
    write(journal, "delete", "acknowledged");
    expect(judge(journal, null)).toBe("fine");
    expect(judge(journal, first.mark)).toBe("resurrected");
    const again = write(journal, "put", "pending");
    expect(judge(journal, again.mark)).toBe("fine");
  });

  it("is there before its end, isn't after it, and around it may be either", () => {
    const journal = new Journal();
    const { mark } = write(journal, "put", "acknowledged", NOW);
    const at = (offset: number): Look => ({ tick: journal.tick, beganAt: NOW + offset, endedAt: NOW + offset });
    expect(judge(journal, null, at(-500))).toBe("lost");
    expect(judge(journal, mark, at(-500))).toBe("fine");
    expect(judge(journal, mark, at(50))).toBe("fine");
    expect(judge(journal, null, at(-50))).toBe("fine");
    expect(judge(journal, mark, at(500))).toBe("expired");
    expect(judge(journal, null, at(500))).toBe("fine");
  });

  it("that ended doesn't come back in an older form", () => {
    const journal = new Journal();
    const older = write(journal, "put", "acknowledged");
    write(journal, "put", "acknowledged", NOW - 5000);
    expect(judge(journal, older.mark)).toBe("expired");
  });

  it("may be anything before the first answer", () => {
    const journal = new Journal();
    const { mark } = write(journal, "put", "pending");
    expect(judge(journal, null)).toBe("fine");
    expect(judge(journal, 0)).toBe("fine");
    expect(judge(journal, mark)).toBe("fine");
    expect(judge(journal, mark + 1)).toBe("lost");
  });
});

it("one write of two records has one mark and one outcome", () => {
  const journal = new Journal();
  const keys = ["email:ann@example.org", "ip:10.0.0.1"].map((id) => ({ collection: "subscriptions", id }));
  const intent = journal.intend(keys, "put");
  intent.settle("acknowledged");
  const look = lookNow(journal);
  for (const key of keys) {
    const entry = journal.record(key) as RecordEntry;
    expect(judgeRecord(entry, { value: { payment_info: { demo_mark: intent.mark } } }, look)).toBeNull();
    expect(judgeRecord(entry, { value: { payment_info: {} } }, look)?.breach).toBe("lost");
  }
});

it("no two writes have the same mark", () => {
  const journal = new Journal();
  const marks = Array.from({ length: 100 }, () => journal.intend([KEY], "put").mark);
  expect(new Set([...marks, journal.nextMark()]).size).toBe(101);
});

describe("a counter", () => {
  it("lies between what was acknowledged and what may have been counted", () => {
    const journal = new Journal();
    journal.seedCounter("c", 10);
    journal.intendToCount(["c"], 1).settle("acknowledged");
    journal.intendToCount(["c"], 2).settle("unknown");
    journal.intendToCount(["c"], 4).settle("refused");
    const entry = journal.counter("c");
    if (!entry) throw new Error("no entry");
    const off = (sum: number) => judgeCounter(entry, sum, entry.acknowledged) !== null;
    expect([10, 11, 12, 13, 14, 15, 17].filter(off)).toEqual([10, 14, 15, 17]);
  });

  it("of the day and of the month rise together", () => {
    const journal = new Journal();
    journal.intendToCount(["day", "month"], 3).settle("acknowledged");
    expect([...journal.counters()]).toMatchObject([{ acknowledged: 3 }, { acknowledged: 3 }]);
  });

  it("that a bypass writer adds to is known to be one", () => {
    const journal = new Journal();
    journal.intendToCount(["shared"], 1).settle("acknowledged");
    journal.intendToCount(["shared"], 1, "bypass").settle("acknowledged");
    expect(journal.counter("shared")).toMatchObject({ origin: "bypass", acknowledged: 2, possible: 2 });
  });
});
