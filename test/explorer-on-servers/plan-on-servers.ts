/** A plan of the explorer, cut to what real servers can do in a short time and to what can be judged without seeing each effect. */
import { makeFirstPlan, type Plan, type PlannedEvent } from "../explorer/plan.js";
import { withMembers } from "../explorer/plan-added.js";

/** The longest outage. Milliseconds. */
const OUTAGE_MS = 1500;
const SLOW_MS = 400;

/** Redis given up and taken back, and passages without a gate. */
const LEFT_OUT: readonly PlannedEvent["kind"][] = ["give-up", "take-back", "force", "retry"];

export function planOnServers(seed: number): Plan {
  const plan = withMembers(makeFirstPlan(seed));
  const events = plan.events.filter((event) => !LEFT_OUT.includes(event.kind)).map(shortened);
  const isCrossing = ({ kind, ...event }: PlannedEvent) => kind === "flip" && "to" in event && event.to >= 2;
  const isBypass = ({ kind }: PlannedEvent) => kind.startsWith("bypass");
  // What a handover leaves of a bypass writer's last work isn't known here: a schedule has the one or the other.
  const crosses = plan.stage >= 2 || (seed % 2 === 0 && events.some(isCrossing));
  const { redisSkewMs: _, postgresSkewMs: __, ...weather } = plan.weather;
  return {
    ...plan,
    weather: { ...weather, slowMs: Math.min(weather.slowMs, SLOW_MS), redisSkewMs: 0, postgresSkewMs: 0 },
    poison: [],
    events: events.filter((event) => !(crosses ? isBypass(event) : isCrossing(event))),
  };
}

function shortened(event: PlannedEvent): PlannedEvent {
  return event.kind === "outage" || event.kind === "freeze" ? { ...event, ms: Math.min(event.ms, OUTAGE_MS) } : event;
}
