/** What each event of a plan does. */
import { type BypassEvent, bypass } from "./bypass-writer.js";
import type { Callers } from "./callers.js";
import type { EvidenceTables } from "./evidence.js";
import type { FleetOperator } from "./fleet-operator.js";
import { MigrationProcess } from "./migration-process.js";
import { type PlannedEvent, strategyOf } from "./plan.js";
import type { Readers } from "./readers.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

export interface Stage {
  readonly world: World;
  readonly truth: Truth;
  readonly tables: EvidenceTables;
  readonly fleet: FleetOperator;
  readonly callers: Callers;
  readonly readers: Readers;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Resolves when its consequences have come to an end, as far as somebody waits for them. */
export async function happen(event: PlannedEvent, stage: Stage): Promise<unknown> {
  const { world, truth, tables, fleet, callers, readers } = stage;
  switch (event.kind) {
    case "put":
    case "update":
    case "delete":
    case "create":
    case "cancelled-put":
    case "count":
    case "update-by":
    case "delete-by":
      return callers.write(event);
    case "read":
      return readers.read(event);
    case "read-count":
      return readers.readCount(event);
    case "find":
      return readers.find(event);
    case "backfill":
      return new MigrationProcess(world, truth, tables, event.op).backfill(event);
    case "verify":
      return new MigrationProcess(world, truth, tables, event.op).verify(event, event.repair);
    case "retry":
      return new MigrationProcess(world, truth, tables, event.op).retry();
    case "flip":
      return fleet.flip(event.to, event.graceful, event.live);
    case "force": {
      const decision = { what: "forced-passage", strategy: strategyOf(event.to), reason: "explored" } as const;
      tables.decisions.push({ ...decision, forced: true, process: "operator", at: world.postgres.now() });
      return world.note("operator", `forces the passage to ${decision.strategy}`);
    }
    case "give-up":
      return fleet.giveUp(event.op);
    case "take-back":
      return fleet.isGivenUp ? fleet.flip(2, true, false) : undefined;
    case "crash":
      return fleet.crash(event.process);
    case "snapshot":
      // One from before the library came has no fence: what it holds counts as written after the loss, as docs/guarantees.md says.
      if (world.redis.control.fence) world.snapshots.push(world.redis.snapshot());
      return;
    case "flush":
    case "restore":
    case "restart":
      return world.loseRedis(event.kind);
    case "outage": {
      const { store, manner, ms, process } = event;
      world.cover(`outage-${store}-${manner}${process === undefined ? "" : "-of-one"}`);
      if (process !== undefined) return fleet.cutOff(process, [store], manner, ms);
      const link = world.links[store];
      world.note("fault", `${store} ${manner} for ${ms} ms`);
      link.state = manner;
      await pause(ms);
      link.state = "up";
      return world.note("fault", `${store} is back`);
    }
    case "freeze":
      world.cover("freeze");
      return fleet.cutOff(event.process, ["redis", "postgres"], "silent", event.ms);
    default:
      return bypass(world, truth, event as BypassEvent);
  }
}
