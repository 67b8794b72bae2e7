/** The engine's fixture with what the fleet's steps need beside it: the control tables, in memory. */
import type { CollectionEvidence, Decision, Evidence, Rejected, WellAgain } from "../../src/stores/evidence.js";
import type { Fence } from "../../src/stores/store.js";
import type { FleetContext } from "../../src/strategy/fleet-context.js";
import { counts, items } from "../contract/contract-collections.js";
import { EngineFixture } from "../engine/engine-fixture.js";
import { isComplete, type StoredFence } from "../memory/control.js";

const NOTHING_KNOWN: CollectionEvidence = {
  backfilledAt: null,
  verifiedAt: null,
  verifiedClean: false,
  divergencesSinceVerify: 0,
  rejects: 0,
  refused: 0,
};

export class FleetFixture extends EngineFixture {
  readonly evidence = new Map<string, CollectionEvidence>();
  readonly decisions: Decision[] = [];
  readonly setAside: Rejected[] = [];
  readonly takenBack: WellAgain[] = [];
  readonly fleet: FleetContext;

  constructor() {
    super();
    this.fleet = {
      processId: "p1",
      redis: this.redis,
      postgres: this.postgres,
      collections: [items, counts],
      term: this.context.term,
      events: this.context.events,
      evidence: {
        of: async (name: string) => this.evidence.get(name) ?? NOTHING_KNOWN,
        recordDecision: async (decision: Decision) => void this.decisions.push(decision),
        forcedPassage: async (strategy: string) => this.#passage(strategy),
        setAside: async (rejects: readonly Rejected[]) => void this.setAside.push(...rejects),
        knownRejects: async (_collection: string, keys: readonly string[]) =>
          new Map(this.setAside.flatMap((one) => (keys.includes(one.key) ? [[one.key, one] as const] : []))),
        takeBack: async (_collection: string, keys: readonly WellAgain[]) => void this.takenBack.push(...keys),
      } satisfies Partial<Evidence> as unknown as Evidence,
    };
  }

  knows(collection: string, evidence: Partial<CollectionEvidence>): void {
    this.evidence.set(collection, { ...NOTHING_KNOWN, ...evidence });
  }

  /** A passage that no handover has used up. */
  #passage(strategy: string): { reason: string; at: Date } | null {
    const last = this.decisions.findLast(
      (one) => one.strategy === strategy && (one.what === "forced-passage" || one.what === "handover"),
    );
    return last?.what === "forced-passage" ? { reason: last.reason, at: new Date() } : null;
  }

  /** Both fences, in a few words each. */
  get fences(): { redis: string; postgres: string } {
    const { redis, postgres } = this.servers;
    return { redis: brief(redis.control.fence, redis.runId), postgres: brief(postgres.control.fence) };
  }

  setFence(store: "redis" | "postgres", fence: Partial<Fence> | null): void {
    const { control } = this.servers[store];
    control.fence = fence && ({ ...(control.fence as StoredFence), ...fence } as StoredFence);
  }
}

const isWhole = (fence: StoredFence) => [items, counts].every(({ name }) => isComplete(fence, name));

function brief(fence: StoredFence | null, runId?: string): string {
  if (!fence) return "none";
  const words = [fence.role, fence.term, isWhole(fence) ? "complete" : "incomplete"];
  if (runId !== undefined && fence.runId !== runId) words.push("of another run");
  if (fence.agreed === false) words.push("not agreed");
  if (fence.bareTrusted) words.push("bare trusted");
  if (fence.redisGivenUp) words.push("Redis given up");
  return words.join(" ");
}
