/** What each event of a plan does. */
import type { BypassEvent } from "./bypass-writer.js";
import type { Callers } from "./callers.js";
import type { FleetOperator } from "./fleet-operator.js";
import type { Ground } from "./ground.js";
import { MigrationProcess } from "./migration-process.js";
import { type PlannedEvent, strategyOf } from "./plan.js";
import type { Readers } from "./readers.js";
import type { Scene } from "./scene.js";

export interface Stage {
  readonly scene: Scene;
  readonly ground: Ground;
  readonly fleet: FleetOperator;
  readonly callers: Callers;
  readonly readers: Readers;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Resolves when its consequences have come to an end, as far as somebody waits for them. */
export async function happen(event: PlannedEvent, stage: Stage): Promise<unknown> {
  const { scene, ground, fleet, callers, readers } = stage;
  const run = (name: string) => new MigrationProcess(scene, ground, name);
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
      return run(event.op).backfill(event);
    case "verify":
      return run(event.op).verify(event, event.repair);
    case "retry":
      return run(event.op).retry();
    case "sweep":
      return run(event.op).sweep();
    case "clock":
      scene.cover(`clock-of-${event.of}-${event.byMs > 0 ? "on" : "back"}`);
      return ground.jump(event.of, event.byMs);
    case "occupy":
      return ground.occupy();
    case "flip":
      return fleet.flip(event.to, event.graceful, event.live);
    case "force":
      scene.note("operator", `forces the passage to ${strategyOf(event.to)}`);
      return ground.force(event.to);
    case "give-up":
      return fleet.giveUp(event.op);
    case "take-back":
      return ground.isGivenUp ? fleet.flip(2, true, false) : undefined;
    case "crash":
      return fleet.crash(event.process);
    case "snapshot":
      return ground.snapshot();
    case "flush":
    case "restore":
    case "restart":
      return ground.loseRedis(event.kind);
    case "outage": {
      const { store, manner, ms, process } = event;
      scene.cover(`outage-${store}-${manner}${process === undefined ? "" : "-of-one"}`);
      if (process !== undefined) return fleet.cutOff(process, [store], manner, ms);
      scene.note("fault", `${store} ${manner} for ${ms} ms`);
      ground.setLink(store, manner);
      await pause(ms);
      ground.setLink(store, "up");
      return scene.note("fault", `${store} is back`);
    }
    case "freeze":
      scene.cover("freeze");
      return fleet.cutOff(event.process, ["redis", "postgres"], "silent", event.ms);
    default:
      return ground.bypass(event as BypassEvent);
  }
}
