/** Every call settles by its own deadline, whatever the stores do. */
import type { Scene } from "./scene.js";

export function inTime(scene: Scene, what: string, begun: number, limit: number): void {
  const took = performance.now() - begun;
  if (took > limit + scene.graceMs)
    scene.violate("every operation settles by its deadline", `${what} took ${took} ms of ${limit}`);
}
