/** One process's crossing on in-memory stores, look by look. */
import { reignOf } from "../../src/engine/term-view.js";
import type { Lease } from "../../src/stores/store.js";
import { Crossing } from "../../src/strategy/crossing.js";
import type { StrategyName } from "../../src/strategy/strategies.js";
import type { FleetFixture } from "./fleet-fixture.js";

export const lease = (processId: string, strategy: StrategyName, stage = 0): Lease => ({
  processId,
  strategy,
  stage,
  host: processId,
  pid: 1,
});

export function crossingOf(
  engine: FleetFixture,
  onFilled = () => {},
  signal: AbortSignal = new AbortController().signal,
): Crossing {
  return new Crossing(() => engine.fleet, { signal, onFilled });
}

/** One look of a process that follows `strategy`, with these others alive. Returns what it waits for. */
export async function look(
  crossing: Crossing,
  engine: FleetFixture,
  strategy: StrategyName,
  others: readonly Lease[] = [],
): Promise<string | null> {
  const fences = await engine.context.term.refresh();
  const reign = reignOf(fences);
  if (!reign) throw new Error("nobody reigns");
  return crossing.moveIfAllWish({
    strategy,
    reign,
    fences,
    own: lease("p1", strategy),
    others: async () => others,
  });
}
