/** Plans for situations that the explorer's usual ones reach too rarely; the seed still draws the network, the order and the moments. */
import { makePlan, type Plan, type PlannedEvent } from "../explorer/plan.js";
import { Random } from "../explorer/random.js";

export const directedPlans = {
  /** Redis decides a write and loses its memory before the message to the mirror arrives, which comes after the refill. */
  "late message of a lost reign": lateMessage,
} as const satisfies Record<string, (seed: number) => Plan>;

export type DirectedPlan = keyof typeof directedPlans;

function lateMessage(seed: number): Plan {
  const random = new Random(seed);
  const events: PlannedEvent[] = [];
  for (let round = 0; round < 4; round++) {
    const begin = 300 + round * 900;
    for (let i = 0; i < 4; i++)
      events.push({ at: begin + random.between(0, 60), kind: "put", process: i % 2, id: "a", op: `o${round}-${i}` });
    events.push({ at: begin + random.between(20, 90), kind: "flush" });
  }
  events.sort((a, b) => a.at - b.at);
  return {
    ...makePlan(seed),
    weather: { usualMs: 6, slowShare: 0.04, slowMs: 700, lostShare: 0, redisSkewMs: 0, postgresSkewMs: 0 },
    stage: 1,
    processes: 2,
    legacy: [],
    legacyCounters: [],
    compare: 0,
    events,
  };
}
