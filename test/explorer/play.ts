/** Lets a plan happen, and then brings it to its end. */
import { Callers } from "./callers.js";
import { FleetOperator } from "./fleet-operator.js";
import type { Ground } from "./ground.js";
import { happen } from "./happen.js";
import type { Judge } from "./judge.js";
import type { Plan } from "./plan.js";
import { Readers } from "./readers.js";
import type { Scene } from "./scene.js";
import { settle } from "./settle.js";

/** Returns the fleet, which goes on serving. */
export async function play(plan: Plan, scene: Scene, ground: Ground, judge: Judge): Promise<FleetOperator> {
  const fleet = new FleetOperator(scene, ground, plan);
  const callers = new Callers(scene, judge, fleet);
  const readers = new Readers(scene, judge, fleet);
  const stage = { scene, ground, fleet, callers, readers };
  const asked = plan.events.map(
    (event) =>
      new Promise<void>((resolve, reject) => {
        setTimeout(() => happen(event, stage).then(() => resolve(), reject), event.at + 1);
      }),
  );
  await Promise.all(asked);
  scene.calm = true;
  scene.note("explorer", "faults end");
  await ground.putRight();
  await fleet.settled();
  await settle({ scene, ground, fleet });
  return fleet;
}
