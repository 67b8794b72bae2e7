/** The store's own connections: as many statements in flight as there are, and none that waits for a dead one for ever. */
import { setTimeout as delay } from "node:timers/promises";
import type postgres from "postgres";
import { ClientFactory, type PostgresInput } from "./client-factory.js";
import { wasNotSent } from "./errors.js";
import { Lane, type Parameter, type Row } from "./lane.js";
import { Queue } from "./queue.js";
import { type RenewedClient, renewedClient } from "./renewed-client.js";

export type { PostgresInput } from "./client-factory.js";
export type { Parameter, Row } from "./lane.js";

export interface ConnectionOptions {
  /** SQL before each statement; each is then taken back, so that nothing of it stays. @default statements stay */
  readonly rehearsal?: string | undefined;
  /** Connections for the store's statements. @default 10 */
  readonly max?: number;
  /** A connection that says nothing for this long while a statement waits is cut. Milliseconds. @default 30_000 */
  readonly stallMs?: number;
}

const WATCH_MS = 1000;
const CLOSE_SECONDS = 2;
/** The longest wait before another attempt to connect. Milliseconds. */
const BACKOFF_MS = 250;
/** Of the client for statements that aren't hot. */
const SIDE_CONNECTIONS = 4;
const SIDE_IDLE_SECONDS = 20;

interface Waiting {
  readonly take: (lane: Lane) => void;
  readonly refuse: (error: Error) => void;
}

export class PostgresConnection {
  readonly #clients: ClientFactory;
  readonly #lanes: readonly Lane[];
  /** The last one used first, so that few connections stay warm. */
  readonly #idle: Lane[];
  // postgres.js slows down for good once more queries wait in it than it has connections; so they wait here.
  readonly #waiting = new Queue<Waiting>();
  readonly #side: RenewedClient;
  readonly #watch: NodeJS.Timeout;
  /** Attempts to connect that failed since the last success. */
  #failures = 0;
  #closing: Promise<void> | undefined;

  constructor(input: PostgresInput, options: ConnectionOptions = {}) {
    const clients = new ClientFactory(input);
    this.#clients = clients;
    const max = options.max ?? Number(clients.given.max ?? 10);
    this.#lanes = Array.from(
      { length: max },
      () => new Lane((onSocket, onClose) => clients.open({ max: 1, once: true, onSocket, onClose }), options.rehearsal),
    );
    this.#idle = [...this.#lanes].reverse();
    this.#side = renewedClient((onClose) =>
      clients.open({ max: SIDE_CONNECTIONS, idleSeconds: SIDE_IDLE_SECONDS, onClose }),
    );
    const stallMs = options.stallMs ?? 30_000;
    this.#watch = setInterval(() => {
      for (const lane of this.#lanes) lane.cutIfStalled(stallMs);
    }, WATCH_MS).unref();
  }

  /** A client on connections of its own, for statements that aren't hot. It knows no array types: cast arrays from text. */
  get sql(): postgres.Sql {
    return this.#side.sql;
  }

  /** A client of one connection that is never made anew, so that no statement runs outside its transaction. Whoever asks ends it. */
  dedicated(): postgres.Sql {
    return this.#clients.open({ max: 1, once: true, onClose: () => {} });
  }

  /** One statement, prepared once for each connection. Rejects with the driver's error. */
  async run(text: string, parameters: readonly Parameter[] = []): Promise<Row[]> {
    const lane = this.#closing
      ? undefined
      : (this.#idle.pop() ?? (await new Promise<Lane>((take, refuse) => this.#waiting.push({ take, refuse }))));
    try {
      if (lane && !lane.isOpen && this.#failures > 0) await delay(Math.min(BACKOFF_MS, 5 * 2 ** this.#failures));
      if (!lane || this.#closing) throw connectionEnded();
      const rows = await lane.run(text, parameters);
      this.#failures = 0;
      return rows;
    } catch (error) {
      if (wasNotSent(error)) this.#failures++;
      throw error;
    } finally {
      if (lane) this.#release(lane);
    }
  }

  /** Lets what is in flight finish, but not long. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#watch);
    for (let waiting = this.#waiting.shift(); waiting; waiting = this.#waiting.shift())
      waiting.refuse(connectionEnded());
    const ends = [...this.#lanes.map((lane) => lane.end(CLOSE_SECONDS)), this.#side.end(CLOSE_SECONDS)];
    // The driver's `end` can itself wait for ever; what it leaves is cut.
    await Promise.race([Promise.allSettled(ends), delay((CLOSE_SECONDS + 1) * 1000, undefined, { ref: false })]);
    this.#clients.destroyAll();
  }

  #release(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next) next.take(lane);
    else this.#idle.push(lane);
  }
}

function connectionEnded(): Error {
  return Object.assign(new Error("The store was closed."), { code: "CONNECTION_ENDED" });
}
