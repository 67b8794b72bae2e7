/** The in-memory servers as what a schedule takes place on. */
import type { StoreName } from "../../src/stores/state.js";
import { isComplete } from "../memory/control.js";
import { type BypassEvent, bypass } from "./bypass-writer.js";
import { collections, MEMBERS } from "./collections.js";
import type { EvidenceTables } from "./evidence.js";
import type { Ground, Standing } from "./ground.js";
import { MemoryLines } from "./memory-lines.js";
import { type Cut, strategyOf } from "./plan.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

export class MemoryGround implements Ground {
  constructor(
    readonly world: World,
    readonly truth: Truth,
    readonly tables: EvidenceTables,
  ) {}

  async lines(process: string): Promise<MemoryLines> {
    return new MemoryLines(this.world, this.truth, this.tables, process);
  }

  standing(): Standing {
    const { redis, postgres } = this.world;
    const { authority } = this.truth;
    const [inRedis, inPostgres] = [redis.control.fence, postgres.control.fence];
    return {
      authority,
      isOpen: this.world[authority].control.fence?.role === "authority",
      isGivenUp: this.isGivenUp,
      isWhole:
        inRedis?.runId === redis.runId &&
        collections.every(({ name }) => isComplete(inRedis, name)) &&
        inRedis.agreed !== false,
      postgresHoldsAll: inPostgres !== null && collections.every(({ name }) => isComplete(inPostgres, name)),
      isDrained: collections.every(
        ({ name }) => redis.control.entries(name).length + postgres.control.entries(name).length === 0,
      ),
      isMarked: authority === "redis" && collections.some(({ name }) => redis.control.hasOverflowed(name)),
      hasRejects: [...this.tables.rejects.values()].some(({ source }) => source !== "repair"),
    };
  }

  get isGivenUp(): boolean {
    return this.world.postgres.control.fence?.redisGivenUp ?? false;
  }

  get isBetweenReigns(): boolean {
    const { redis, postgres } = this.world;
    return redis.control.fence?.role === "closed" || postgres.control.fence?.role === "closed";
  }

  bypass(event: BypassEvent): void {
    bypass(this.world, this.truth, event);
  }

  /** One from before the library came has no fence: what it holds counts as written after the loss, as docs/guarantees.md says. */
  snapshot(): void {
    const { redis, postgres, snapshots } = this.world;
    if (!redis.control.fence) return;
    const unheard = [...postgres.control.logs.values()].flatMap((log) => [...log.values()]);
    const unheardSince = Math.min(postgres.now(), ...unheard.map((stamp) => stamp / 1000));
    snapshots.push({ at: redis.now(), unheardSince, memory: redis.snapshot() });
  }

  emptyRedis(): void {
    this.world.effect("operator", "empties Redis", () => this.world.redis.flush());
  }

  loseRedis(kind: "flush" | "restore" | "restart"): void {
    this.world.loseRedis(kind);
  }

  setLink(store: StoreName, state: "up" | Cut): void {
    this.world.links[store].state = state;
  }

  jump(of: StoreName | "application", byMs: number): void {
    const { world } = this;
    world.effect("fault", `the clock of ${of} jumps by ${byMs} ms`, () => {
      if (of === "application") world.time.applicationMs += byMs;
      else world[of].clockOffsetMs += byMs;
    });
  }

  occupy(): void {
    const { world } = this;
    world.wasOccupied = true;
    world.effect("bypass", `puts a text under ${MEMBERS}`, () => world.redis.bypassSet(MEMBERS, Buffer.from("odd")));
  }

  putRight(): void {
    const { redis, wasOccupied } = this.world;
    if (!wasOccupied || !Buffer.isBuffer(redis.get(MEMBERS)?.value)) return;
    this.world.effect("operator", `deletes ${MEMBERS}`, () => redis.bypassDel(MEMBERS));
  }

  force(to: number): void {
    const decision = { what: "forced-passage", strategy: strategyOf(to), reason: "explored" } as const;
    this.tables.decisions.push({ ...decision, forced: true, process: "operator", at: this.world.postgres.now() });
  }
}
