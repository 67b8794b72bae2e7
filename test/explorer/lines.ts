/** One process's own ways to the two servers, and what it is told of the control tables. */
import type { PostgresSide, RedisSide } from "../../src/stores/sides.js";
import type { StoreName } from "../../src/stores/state.js";
import type { FleetContext } from "../../src/strategy/fleet-context.js";
import type { Cut } from "./plan.js";

export interface Lines {
  readonly postgres: PostgresSide;
  readonly evidence: FleetContext["evidence"];
  /** Connects. */
  redis(): Promise<RedisSide>;
  /** How the way to this store is from now on, for this process alone. */
  set(store: StoreName, state: "up" | Cut): void;
  /** The process dies: what it has sent may arrive, and nothing more is sent. */
  kill(): void;
  /** The process ended in good order. */
  close(): void;
}
