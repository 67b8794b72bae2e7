/** Every call settles by its own deadline, whatever the stores do. */
import type { World } from "./world.js";

/** Beyond its deadline a call may take this. Milliseconds. */
const GRACE_MS = 100;

export function inTime(world: World, what: string, begun: number, limit: number): void {
  const took = performance.now() - begun;
  if (took > limit + GRACE_MS)
    world.violate("every operation settles by its deadline", `${what} took ${took} ms of ${limit}`);
}
