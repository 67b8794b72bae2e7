/** What the store's operations share. */
import type { PostgresConnection } from "./connection.js";
import type { LogBound } from "./log-bound.js";

export interface PostgresContext {
  readonly connection: PostgresConnection;
  readonly logBound: LogBound;
}
