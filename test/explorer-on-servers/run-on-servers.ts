/** Runs one plan on a pair of real servers until it has settled, and judges it. */
import { within } from "../../src/stores/within.js";
import { counters, encode, records } from "../explorer/collections.js";
import type { Plan } from "../explorer/plan.js";
import { play } from "../explorer/play.js";
import type { Violation } from "../explorer/scene.js";
import { History } from "./history.js";
import { judge, LEGACY_SUM } from "./judgement.js";
import { SceneOnServers } from "./scene-on-servers.js";
import { ServerGround } from "./server-ground.js";
import type { ServerPair, Servers } from "./servers.js";

export interface OutcomeOnServers {
  readonly violation: Violation | null;
  readonly coverage: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

/** More than any schedule needs. Milliseconds. */
const LIMIT_MS = 120_000;
const ENDING_MS = 60_000;

export async function runOnServers(plan: Plan, servers: Servers): Promise<OutcomeOnServers> {
  const scene = new SceneOnServers(plan, true);
  const pair = await servers.pair();
  const history = new History(scene);
  const ground = await ServerGround.on(pair, scene, history);
  let late: NodeJS.Timeout | undefined;
  try {
    await bringLegacy(plan, pair);
    const settled = settle(plan, scene, ground).then(() => true);
    settled.catch(() => {}); // Of a schedule that came to no end, nobody waits for it.
    const isLate = new Promise<false>((resolve) => {
      late = setTimeout(() => resolve(false), LIMIT_MS);
    });
    if (await Promise.race([settled, isLate])) await judge(scene, pair, history, plan);
    else scene.violate("everything settles", `not settled after ${LIMIT_MS} ms`);
  } catch (error) {
    scene.violate("the explorer itself works", String((error as Error).stack));
  } finally {
    clearTimeout(late);
    // Servers that don't end don't hold up the other schedules.
    const ended = ground.end().then(() => pair.end());
    await within(ENDING_MS, ended, () => new Error("The servers didn't end.")).catch((error: Error) =>
      scene.violate("the explorer itself works", error.message),
    );
  }
  return scene;
}

/** What stood in Redis before the library came. */
async function bringLegacy({ legacy, legacyCounters }: Plan, { redis }: ServerPair): Promise<void> {
  for (const id of legacy) await redis.set(records.redisKey(id), encode([`legacy-${id}`]));
  for (const id of legacyCounters) await redis.set(counters.redisKey(id), LEGACY_SUM);
}

async function settle(plan: Plan, scene: SceneOnServers, ground: ServerGround): Promise<void> {
  const fleet = await play(plan, scene, ground, ground.history);
  await Promise.all(fleet.processes().map((process) => process.close()));
}
