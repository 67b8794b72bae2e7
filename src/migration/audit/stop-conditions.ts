/** What should keep a migration from beginning before a person has looked at it. */
import type { GateCheck } from "../../errors.js";
import { bytes, count } from "../html/figures.js";
import type { PremiumGrants } from "./grant-count.js";
import type { PatternReport } from "./pattern-count.js";
import type { ServerFacts } from "./server-facts.js";

export interface Limits {
  readonly maxGrants: number;
  /** Bytes. */
  readonly maxMemory: number;
  /** Null: the patterns of the critical collections. */
  readonly required: readonly string[] | null;
}

export interface Seen {
  readonly grants: PremiumGrants;
  readonly server: ServerFacts;
  readonly patterns: readonly PatternReport[];
}

/** What can't be told doesn't pass. */
export function stopConditions({ grants, server, patterns }: Seen, limits: Limits): GateCheck[] {
  const all = grants.total + grants.unreadable;
  const required =
    limits.required ?? patterns.filter(({ priority }) => priority === "critical").map((one) => one.pattern);
  return [
    {
      name: "premium grants",
      passed: all <= limits.maxGrants,
      figure: `${count(all)} of at most ${count(limits.maxGrants)}`,
      remedy: "Look at what these grants are before they are copied, and set --max-grants if so many are right.",
    },
    {
      name: "used memory",
      passed: server.usedMemory !== null && server.usedMemory <= limits.maxMemory,
      figure: `${server.usedMemory === null ? "unknown" : bytes(server.usedMemory)} of at most ${bytes(limits.maxMemory)}`,
      remedy:
        "Make sure that Postgres has room for it and that a backup fits, and set --max-memory if so much is right.",
    },
    ...required.map((pattern) => {
      const keys = patterns.find((one) => one.pattern === pattern)?.keys ?? 0;
      return {
        name: `keys like ${pattern}`,
        passed: keys > 0,
        figure: `${count(keys)} found`,
        remedy:
          "Check that this is the right Redis, database and prefix. If there are rightly none, name the patterns that must be there by --require.",
      };
    }),
  ];
}
