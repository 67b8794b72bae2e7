/** A client that is replaced by a new one whenever a connection of it closes, since the driver's reconnected ones can hang for ever. */
import type postgres from "postgres";

export interface RenewedClient {
  /** Use it like any client of postgres.js, and don't keep what its properties give. */
  readonly sql: postgres.Sql;
  end(timeoutSeconds: number): Promise<void>;
}

/** What is in flight on the replaced client's other connections goes on; they end when they are idle, if the client says so. */
export function renewedClient(open: (onClose: () => void) => postgres.Sql): RenewedClient {
  let current: postgres.Sql | undefined;
  const client = (): postgres.Sql => {
    if (!current) {
      const opened = open(() => {
        if (current === opened) current = undefined;
      });
      current = opened;
    }
    return current;
  };
  const sql = new Proxy(() => {}, {
    apply: (_target, _self, given: unknown[]) => Reflect.apply(client(), undefined, given),
    get: (_target, property) => Reflect.get(client(), property),
  }) as unknown as postgres.Sql;
  return { sql, end: async (timeout) => current?.end({ timeout }) };
}
