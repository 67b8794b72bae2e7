/** What each event of a plan does. */
import { type BypassEvent, bypass } from "./bypass-writer.js";
import type { Callers } from "./callers.js";
import type { EvidenceTables } from "./evidence.js";
import type { FleetOperator } from "./fleet-operator.js";
import { MigrationProcess } from "./migration-process.js";
import { type PlannedEvent, strategyOf } from "./plan.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

export interface Stage {
  readonly world: World;
  readonly truth: Truth;
  readonly tables: EvidenceTables;
  readonly fleet: FleetOperator;
  readonly callers: Callers;
}

/** Resolves when its consequences have come to an end, as far as somebody waits for them. */
export async function happen(event: PlannedEvent, { world, truth, tables, fleet, callers }: Stage): Promise<unknown> {
  switch (event.kind) {
    case "put":
    case "update":
    case "delete":
    case "create":
    case "cancelled-put":
    case "count":
      return callers.write(event);
    case "read":
      return callers.read(event);
    case "read-count":
      return callers.readCount(event);
    case "find":
      return callers.find(event);
    case "backfill":
      return new MigrationProcess(world, truth, tables, event.op).backfill(event);
    case "verify":
      return new MigrationProcess(world, truth, tables, event.op).verify(event, event.repair);
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
      const link = world.links[event.store];
      world.note("fault", `${event.store} ${event.manner} for ${event.ms} ms`);
      world.cover(`outage-${event.store}-${event.manner}`);
      link.state = event.manner;
      await new Promise((resolve) => setTimeout(resolve, event.ms));
      link.state = "up";
      return world.note("fault", `${event.store} is back`);
    }
    default:
      return bypass(world, truth, event as BypassEvent);
  }
}
