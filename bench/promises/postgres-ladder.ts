/** A Postgres write from the bare upsert up to the library's store, one promise more at each rung. */
import type postgres from "postgres";
import { PostgresStore } from "../internals.js";
import { IDS, idOf, itemOf, TTL_MS } from "../items.js";
import type { Stage } from "../stage.js";
import { Clearing, type Entry } from "./clearing.js";
import { CLEAR, CREATE, postgresStatement } from "./postgres-statement.js";
import { kept, type Ladder, newOperation, PROMISES, type Rung } from "./rungs.js";
import { storeRungs, TERM } from "./store-rung.js";

/** Makes this Postgres the authority of its own. Its schema is there. */
export async function postgresLadder({ databaseUrl, lanes }: Pick<Stage, "databaseUrl" | "lanes">): Promise<Ladder> {
  const sql = lanes[0] as postgres.Sql;
  await sql.unsafe(CREATE);
  const store = new PostgresStore({ postgres: databaseUrl });
  await store.createFence({ term: TERM, role: "authority", complete: true });
  const rungs: Rung[] = [];
  for (let count = 0; count <= PROMISES.length; count++) rungs.push(statementRung(lanes, count));
  rungs.push(...storeRungs(store, ["one:", "many:"]));
  return {
    store: "Postgres",
    rungs,
    check: async () => {
      const rows = await sql<{ amount: number }[]>`
        SELECT amount FROM ladder WHERE id LIKE ${`%:${idOf(0)}`} UNION ALL SELECT amount FROM bench_items WHERE id = ${idOf(0)}`;
      if (rows.length !== PROMISES.length + 2 || rows.some(({ amount }) => amount % IDS !== 0))
        throw new Error("another value stands");
      const [left] = await sql<{ count: number }[]>`SELECT count(*)::int AS count FROM dual_write_log`;
      if (left?.count !== 0) throw new Error("entries of the repair log were left");
    },
    close: () => store.close(),
  };
}

function statementRung(lanes: readonly postgres.Sql[], count: number): Rung {
  const promises = kept(count);
  const text = postgresStatement(promises);
  const isLogged = promises.has("log entry and its clearing");
  const clearing = new Clearing((entries: readonly Entry[]) =>
    (lanes[0] as postgres.Sql).unsafe(
      CLEAR,
      [`{${entries.map(({ id }) => id).join()}}`, `{${entries.map(({ stamp }) => stamp).join()}}`],
      { prepare: true },
    ),
  );
  return {
    name: count === 0 ? "bare" : `+ ${PROMISES[count - 1]}`,
    run: async (i) => {
      const id = `${count}:${idOf(i)}`;
      const { owner, amount, active } = itemOf(i);
      const json = JSON.stringify(itemOf(i));
      const value = promises.has("companion") ? Buffer.from(json).toString("hex") : json;
      const parameters: (string | number | boolean | Date)[] = [
        id,
        owner,
        amount,
        active,
        value,
        new Date(Date.now() + TTL_MS),
      ];
      if (promises.has("fence")) parameters.push(TERM);
      if (promises.has("operation id")) parameters.push(newOperation());
      const [row] = await (lanes[i % lanes.length] as postgres.Sql).unsafe(text, parameters, { prepare: true });
      if (promises.has("stamp") && !(Number(row?.stamp) > 0)) throw new Error("a write was refused");
      if (isLogged) clearing.add({ id, stamp: Number(row?.stamp) });
    },
    settle: () => clearing.settled(),
  };
}
