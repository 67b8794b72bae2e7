/** Bugs in terms, handovers and recovery, and in the copying and comparing beside live traffic. */
import { bug, change, type PlantedBug, schedules, test } from "../planted-bug.js";

const REDIS = "test/contract/redis.test.ts";
const POSTGRES = "test/contract/postgres.test.ts";

export const FLEET_BUGS: readonly PlantedBug[] = [
  bug(
    "handover without drain",
    test("test/strategy/handover.test.ts", "carries a write that came after the first round, before it closed"),
    change(
      "src/strategy/handover.ts",
      "for (const collection of context.collections) {\n    const empty",
      "for (const collection of [] as typeof context.collections) {\n    const empty",
    ),
  ),
  bug(
    "handover leaves behind what a bypass writer deleted as it closed",
    test("test/strategy/handover.test.ts", "carries a bypass writer's delete that came as it closed"),
    change("src/strategy/handover.ts", "adopt: false,", "adopt: true,"),
  ),
  bug(
    "handover to a store that refused what was acknowledged",
    schedules,
    change("src/strategy/handover.ts", "if (lacking.length > 0) return takeBack(old, next, term, lacking);", ""),
  ),
  bug(
    "refused record is forgotten without being set aside",
    schedules,
    change(
      "src/engine/drain.ts",
      "if (await refuse({ collection, id: entry.id, reason, value, stamp: entry.stamp })) kept.push(entry);",
      "kept.push(entry);",
    ),
  ),
  bug(
    "two authorities at once: a handover doesn't close the old one",
    schedules,
    change(
      "src/strategy/handover.ts",
      "if (!(await old.attempt((store) => store.closeFence(term, intact), CONTROL_MS))) {",
      "if (false) {",
    ),
  ),
  bug(
    "two authorities at once: a closed Redis admits writes",
    test(REDIS, "a fence that is closed refuses writes, and serves reads and logs"),
    change(
      "src/stores/redis/scripts/write-records.ts",
      "fence.term ~= term or fence.role ~= 'authority' then",
      "fence.term ~= term or fence.role == 'mirror' then",
    ),
  ),
  bug(
    "two authorities at once: a closed Postgres admits writes",
    test(POSTGRES, "a fence that is closed refuses writes, and serves reads and logs"),
    change(
      "migrations/0001_functions.sql",
      "(role = 'authority' OR NOT as_authority)",
      "(role <> 'mirror' OR NOT as_authority)",
    ),
  ),
  bug(
    "write step doesn't check the term (in memory)",
    schedules,
    change(
      "test/memory/memory-store.ts",
      'fence.term !== term || fence.role !== "authority"',
      'fence.role === "closed"',
    ),
  ),
  bug(
    "fence not checked on reads",
    schedules,
    change(
      "src/engine/authority-read.ts",
      'if (reply.fence?.role === "authority") return { store, fence: reply.fence, reply };',
      "if (reply.fence) return { store, fence: reply.fence, reply };",
    ),
  ),
  bug(
    "closed store's answer is believed without asking the other",
    test("test/engine/authority-read.test.ts", "is not believed once the other reigns in a later term"),
    change("src/engine/authority-read.ts", "if (after) return after;", ""),
  ),
  bug(
    "after a memory loss the term stays",
    test("test/strategy/recovery.test.ts", "of all raises the term, and bare values came after it"),
    change(
      "src/strategy/recovery.ts",
      "const term = await context.postgres.attempt((store) => store.raiseTerm(postgres.term), CONTROL_MS);",
      "const term = postgres.term as number | null;",
    ),
  ),
  bug(
    "Redis that lost its memory calls itself complete",
    schedules,
    change(
      "src/strategy/recovery.ts",
      "claimMemory({ term, role, complete: false, agreed: true })",
      "claimMemory({ term, role, complete: true, agreed: true })",
    ),
  ),
  bug(
    "backfill without the stamp rule",
    schedules,
    change(
      "src/migration/backfill/copy-records.ts",
      "const state = endings[i] ? null : stateOf(page.held[i] as HeldRecord);",
      "const found = endings[i] ? null : stateOf(page.held[i] as HeldRecord);\n    const state = found && { ...found, stamp: Date.now() * 1000 };",
    ),
  ),
  bug(
    "backfill brings a bare value as if it were stamped",
    schedules,
    change(
      "src/engine/refetch.ts",
      "return { stamp: held.stamp, bytes: held.bytes,",
      "return { stamp: held.stamp || Date.now() * 1000, bytes: held.bytes,",
    ),
  ),
  bug(
    "verify without the second look",
    test("test/migration/verify.test.ts", "what moves between the two looks"),
    change(
      "src/migration/verify/second-look.ts",
      "const [pairs, now] = await Promise.all([lookAtBoth(this.#context, collection, ids), presentMoment(this.#context)]);",
      "const [pairs, now] = [suspects.map(({ first }) => first), await presentMoment(this.#context)];",
    ),
  ),
  bug(
    "verify doesn't ask the repair logs",
    test("test/migration/second-look.test.ts", "a write whose repair-log entry waits is explained"),
    change("src/migration/verify/second-look.ts", ' || logged === "all" || logged.has(id)', ""),
  ),
  bug(
    "verify calls what moved between its two looks clean",
    test("test/migration/second-look.test.ts", "what differs in another way by the second look"),
    change("src/migration/verify/second-look.ts", "const LOOKS = 4;", "const LOOKS = 2;"),
  ),
  bug(
    "rejects list takes an older look at a record for a later one",
    test("test/migration/rejects-races.test.ts", "isn't replaced by what a backfill is refused of an earlier state"),
    change("src/stores/postgres/rejects.ts", "WHERE dual_write_rejects.stamp <= excluded.stamp", ""),
  ),
  bug(
    "rejects list forgets what was refused since it was looked at",
    test("test/migration/rejects-races.test.ts", "nor taken off by a backfill that copied an earlier state"),
    change("src/stores/postgres/rejects.ts", " AND r.stamp <= (w ->> 1)::bigint", ""),
  ),
  bug(
    "backfill copies from a Redis that Postgres hasn't agreed with",
    test("test/migration/backfill-races.test.ts", "gives no page before both agree"),
    change("src/migration/redis-authority.ts", " && fence.complete && isAgreed", " && fence.complete"),
  ),
  bug(
    "comparison of reads believes one store's clock",
    test("test/engine/comparison.test.ts", "is no difference: both hold the same state"),
    change(
      "src/engine/comparison.ts",
      "lastingDifference(collection, mine, theirs, now)",
      "differenceOf(collection, mine, theirs)",
    ),
  ),
];
