/** One simulated process's ways to the in-memory servers. */
import type { StoreName } from "../../src/stores/state.js";
import { type EvidenceTables, ExplorerEvidence } from "./evidence.js";
import { ExplorerPostgres, ExplorerRedis } from "./explorer-stores.js";
import type { Lines } from "./lines.js";
import type { Truth } from "./truth.js";
import { Connection, type World } from "./world.js";

export class MemoryLines implements Lines {
  readonly postgres: ExplorerPostgres;
  readonly evidence: ExplorerEvidence;
  readonly #connections: Connection[] = [];

  constructor(
    readonly world: World,
    readonly truth: Truth,
    tables: EvidenceTables,
    readonly process: string,
  ) {
    this.postgres = new ExplorerPostgres(this.#connect("postgres"), truth);
    this.evidence = new ExplorerEvidence(this.postgres, tables);
  }

  async redis(): Promise<ExplorerRedis> {
    return new ExplorerRedis(this.#connect("redis"), this.truth);
  }

  set(store: StoreName, state: Connection["state"]): void {
    for (const connection of this.#connections) if (connection.store === store) connection.state = state;
  }

  /** Its parked calls never happen. */
  kill(): void {
    for (const connection of this.#connections) connection.dead = true;
  }

  close(): void {}

  #connect(store: StoreName): Connection {
    const connection = new Connection(this.world, this.process, store);
    this.#connections.push(connection);
    return connection;
  }
}
