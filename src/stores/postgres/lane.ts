/** One connection, one statement at a time; thrown away after any failure, since the driver's reconnected ones can hang for ever. */
import type { Socket } from "node:net";
import type postgres from "postgres";
import { endsConnection } from "./errors.js";

export type Parameter = string | number | boolean | null;
/** Values in the order of the statement's columns. */
export type Row = readonly unknown[];

/** Makes a client of one connection, which tells us its socket, and when it is closed. */
export type OpenClient = (onSocket: (socket: Socket) => void, onClose: () => void) => postgres.Sql;

/** Milliseconds after which a connection is replaced, as proxies and balancers expect of clients. */
const LIFETIME_MS = 45 * 60 * 1000;

interface OpenLane {
  readonly sql: postgres.Sql;
  readonly openedAt: number;
  socket?: Socket;
}

export class Lane {
  readonly #openClient: OpenClient;
  /** Runs before each statement, which is then taken back; undefined: statements stay. */
  readonly #rehearsal: string | undefined;
  #open: OpenLane | undefined;
  /** Since when the running statement's connection has been silent; undefined while none runs. */
  #silence: { readonly since: number; readonly bytesRead: number } | undefined;

  constructor(openClient: OpenClient, rehearsal?: string) {
    this.#openClient = openClient;
    this.#rehearsal = rehearsal;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  async run(text: string, parameters: readonly Parameter[]): Promise<Row[]> {
    if (this.#open && performance.now() - this.#open.openedAt > LIFETIME_MS) this.discard();
    this.#open ??= this.#connect();
    const open = this.#open;
    this.#silence = { since: performance.now(), bytesRead: open.socket?.bytesRead ?? 0 };
    try {
      const run = () => open.sql.unsafe(text, parameters as Parameter[], { prepare: true }).values();
      return await (this.#rehearsal === undefined ? run() : rehearse(open.sql, this.#rehearsal, run));
    } catch (error) {
      if (this.#open === open && endsConnection(error)) this.discard();
      throw error;
    } finally {
      this.#silence = undefined;
    }
  }

  /** Cuts a connection that has said nothing for `stallMs` although a statement waits for its answer. */
  cutIfStalled(stallMs: number): void {
    const socket = this.#open?.socket;
    if (!this.#silence || !socket) return;
    const now = performance.now();
    if (socket.bytesRead !== this.#silence.bytesRead) this.#silence = { since: now, bytesRead: socket.bytesRead };
    // One that has said nothing at all is the connect timeout's matter.
    else if (socket.bytesRead > 0 && now - this.#silence.since >= stallMs) socket.destroy();
  }

  /** Lets its statement finish within the time given. */
  async end(timeoutSeconds: number): Promise<void> {
    await this.#open?.sql.end({ timeout: timeoutSeconds });
  }

  /** Whatever is still on it fails. */
  discard(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    open.sql.end({ timeout: 0 }).catch(() => {});
    open.socket?.destroy();
  }

  #connect(): OpenLane {
    const open: { sql?: postgres.Sql; openedAt: number; socket?: Socket } = { openedAt: performance.now() };
    open.sql = this.#openClient(
      (socket) => {
        open.socket = socket;
      },
      () => {
        if (this.#open === open) this.#open = undefined;
      },
    );
    return open as OpenLane;
  }
}

/** The answer is the real one, and nothing of the statement stays. */
async function rehearse(sql: postgres.Sql, prelude: string, run: () => Promise<Row[]>): Promise<Row[]> {
  await sql.unsafe(`BEGIN; ${prelude}`);
  try {
    return await run();
  } finally {
    await sql.unsafe("ROLLBACK");
  }
}
