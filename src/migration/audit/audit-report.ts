/** The audit's report, put together from what was counted. */
import type { GateCheck } from "../../errors.js";
import type { Priority } from "../../stores/collection.js";
import { PRIORITIES } from "../bind-collections.js";
import type { ResolvedAudit } from "./audit-options.js";
import type { AuditTally, NamedKey } from "./audit-tally.js";
import { type AuditPace, type BackfillTime, backfillTime } from "./backfill-time.js";
import type { PremiumGrants } from "./grant-count.js";
import type { KeyReader } from "./key-reader.js";
import { type MemoryEstimate, sumOf } from "./memory-sample.js";
import type { PatternReport } from "./pattern-count.js";
import type { ServerFacts } from "./server-facts.js";
import { stopConditions } from "./stop-conditions.js";
import { TTL_BUCKETS, type TtlBucket } from "./ttl-buckets.js";

export interface AuditReport {
  /** `stopped`: by its signal; what follows holds for the keys that were seen until then. */
  readonly state: "finished" | "stopped";
  readonly startedAt: Date;
  readonly elapsedMs: number;
  readonly server: ServerFacts;
  readonly keys: {
    /** What SCAN gave, with repetitions. */
    readonly listed: number;
    /** Keys that SCAN gave again, and that weren't counted again. */
    readonly repeated: number;
    /** All others: the sum of all patterns' keys and of those that vanished. */
    readonly distinct: number;
    /** They expired or were deleted after they were listed. */
    readonly vanished: number;
    /** False: there were too many keys to recognise every repetition, so some may be counted twice. */
    readonly exact: boolean;
  };
  readonly memory: MemoryEstimate;
  /** The most important first: by priority, then by number. */
  readonly patterns: readonly PatternReport[];
  /** Keys by the table that they go to. */
  readonly targets: Readonly<Record<string, number>>;
  readonly priorities: Readonly<Record<Priority, number>>;
  readonly types: Readonly<Record<string, number>>;
  readonly ttl: Readonly<Record<TtlBucket, number>>;
  readonly largest: readonly NamedKey[];
  /** By the time since their last use; null: the server doesn't tell. */
  readonly oldest: readonly NamedKey[] | null;
  /** Keys with something odd about them. */
  readonly odd: number;
  readonly premiumGrants: PremiumGrants;
  readonly stopConditions: readonly GateCheck[];
  readonly backfill: BackfillTime;
  /** How far all this can be relied upon. */
  readonly notes: readonly string[];
}

interface Findings {
  readonly state: AuditReport["state"];
  readonly startedAt: Date;
  readonly elapsedMs: number;
  readonly server: ServerFacts;
  readonly keys: AuditReport["keys"];
  readonly reader: KeyReader;
  readonly tally: AuditTally;
  readonly options: ResolvedAudit;
  readonly pace: AuditPace;
}

export function reportOf({ reader, tally, options, pace, ...found }: Findings): AuditReport {
  const patterns = tally.counts.map((count) => count.report()).sort(byImportance);
  const premiumGrants = tally.grants.toJSON();
  const targets = sums(patterns, ({ table, keys }) => (table === null ? [] : [[table, keys]]));
  const copied = Object.values(targets).reduce((sum, keys) => sum + keys, 0);
  return {
    ...found,
    memory: sumOf(patterns.map(({ memory }) => memory)),
    patterns,
    targets,
    priorities: {
      ...{ critical: 0, high: 0, medium: 0, low: 0 },
      ...sums(patterns, ({ priority, keys }) => (priority === null ? [] : [[priority, keys]])),
    },
    types: sums(patterns, ({ types }) => Object.entries(types)),
    ttl: {
      ...(Object.fromEntries(TTL_BUCKETS.map((name) => [name, 0])) as Record<TtlBucket, number>),
      ...sums(patterns, ({ ttl }) => Object.entries(ttl)),
    },
    largest: tally.largest,
    oldest: reader.tellsIdle ? tally.oldest : null,
    odd: patterns.flatMap(({ odd }) => odd).reduce((sum, { keys }) => sum + keys, 0),
    premiumGrants,
    stopConditions: stopConditions({ grants: premiumGrants, server: found.server, patterns }, options),
    backfill: backfillTime(copied, options.backfillRate, pace),
    notes: notesOn(found, reader, tally, options),
  };
}

function byImportance(a: PatternReport, b: PatternReport): number {
  const rank = ({ priority }: PatternReport) => (priority === null ? PRIORITIES.length : PRIORITIES.indexOf(priority));
  return rank(a) - rank(b) || b.keys - a.keys;
}

function sums(
  patterns: readonly PatternReport[],
  parts: (pattern: PatternReport) => readonly (readonly [string, number])[],
): Record<string, number> {
  const sum = new Map<string, number>();
  for (const [name, keys] of patterns.flatMap(parts)) sum.set(name, (sum.get(name) ?? 0) + keys);
  return Object.fromEntries([...sum].sort((a, b) => b[1] - a[1]));
}

function notesOn(
  { state, server, keys }: Pick<Findings, "state" | "server" | "keys">,
  reader: KeyReader,
  tally: AuditTally,
  options: ResolvedAudit,
): string[] {
  const others = Object.entries(server.otherDatabases);
  const notes: [boolean, string][] = [
    [state === "stopped", "The audit was stopped: everything here holds for the keys seen until then, and no more."],
    [
      true,
      `SCAN gives every key that is there from its begin to its end at least once. It gave ${keys.repeated} again, and these weren't counted twice; of keys that came or went meanwhile it may give some and not others.`,
    ],
    [!keys.exact, "There were too many keys to recognise every repetition: some may be counted twice."],
    [
      reader.tellsMemory,
      "Memory is what MEMORY USAGE says of a sample; ± holds in 95 of 100 audits. Of hashes, lists, sets and streams Redis itself looks at 5 elements.",
    ],
    [!reader.tellsMemory, "The server refuses MEMORY USAGE, so memory isn't known."],
    [
      !reader.tellsIdle,
      "The server doesn't tell idle times (its eviction policy counts uses, or refuses OBJECT), so the oldest keys aren't known.",
    ],
    [
      reader.tellsIdle && !reader.leavesUntouched,
      "Reading a key counts as its use: Redis before 7.2 can't be asked to overlook that. Idle times of the keys seen begin anew with this audit; on a replica only there.",
    ],
    [
      !options.checkValues,
      "Values were read of the critical collections only. Those of the others may be odd as well: --check-values reads them all.",
    ],
    [tally.tooLong > 0, `${tally.tooLong} values were too long to be looked at.`],
    [
      others.length > 0,
      `Only database ${server.database} was looked at. There are keys in others: ${others.map(([n, count]) => `${count} in ${n}`).join(", ")}.`,
    ],
    [
      server.role === "replica",
      `This is a replica: it may lag behind its master${server.masterLink === "down" ? ", and has lost the connection to it" : ""}, and shows expired keys until the master deletes them.`,
    ],
    [true, "Keys of other libraries are recognised by the names that these give by default."],
  ];
  return notes.filter(([holds]) => holds).map(([, text]) => text);
}
