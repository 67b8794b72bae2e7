/** The control tables' evidence, in memory; each call is a statement on the process's own Postgres connection. */
import type { CollectionEvidence, Decision, Evidence } from "../../src/stores/evidence.js";
import type { ExplorerPostgres } from "./explorer-stores.js";

/** What is in the tables, shared by all processes. */
export class EvidenceTables {
  backfilledAt: Date | null = null;
  verifiedAt: Date | null = null;
  clean = false;
  divergences = 0;
  readonly decisions: Decision[] = [];
}

export function evidenceThrough(postgres: ExplorerPostgres, tables: EvidenceTables): Evidence {
  return {
    of: () =>
      postgres.control<CollectionEvidence>("evidence", () => ({
        backfilledAt: tables.backfilledAt,
        verifiedAt: tables.verifiedAt,
        verifiedClean: tables.clean,
        divergencesSinceVerify: tables.divergences,
        rejects: 0,
      })),
    recordDivergence: () => postgres.control("recordDivergence", () => void tables.divergences++),
    recordVerify: ({ clean }) =>
      postgres.control("recordVerify", () => {
        tables.verifiedAt = new Date();
        tables.clean = clean;
        tables.divergences = 0;
      }),
    recordDecision: (decision) => postgres.control("recordDecision", () => void tables.decisions.push(decision)),
    forcedPassage: () => postgres.control("forcedPassage", () => null),
    setAside: () => postgres.control("setAside", () => {}),
    takeBack: () => postgres.control("takeBack", () => {}),
    rejectCount: () => postgres.control("rejectCount", () => 0),
  };
}
