/** Makes the driver's clients: with our defaults, on sockets that we know. */
import { connect, type Socket } from "node:net";
import postgres from "postgres";

/** A URL, or the options of postgres.js. */
// biome-ignore lint/suspicious/noExplicitAny: the driver's own type parameter of custom types
export type PostgresInput = string | postgres.Options<any>;

export interface ClientOptions {
  readonly max: number;
  readonly idleSeconds?: number;
  /** Refuses to connect a second time: see lane.ts. */
  readonly once?: boolean;
  readonly onSocket?: (socket: Socket) => void;
  /** A connection of the client was closed. */
  readonly onClose: () => void;
}

const CONNECT_SECONDS = 5;

interface Endpoints {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path: string | false;
}

export class ClientFactory {
  readonly #input: PostgresInput;
  /** What the input says; a URL's own parameters as text. */
  readonly given: Exclude<PostgresInput, string>;
  readonly #endpoints: Endpoints;
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  constructor(input: PostgresInput) {
    this.#input = input;
    // The driver prefers options to a URL's parameters, so that our defaults would win over them.
    this.given = typeof input === "string" ? Object.fromEntries(new URLSearchParams(input.split("?")[1])) : input;
    // A client that isn't used doesn't connect; this one reads the input for us.
    const { options } = typeof input === "string" ? postgres(input, { max: 1 }) : postgres({ ...input, max: 1 });
    this.#endpoints = options as unknown as Endpoints;
  }

  /** It connects at its first query; of several servers to the one that was found last, or to the next if that one isn't there. */
  open(options: ClientOptions): postgres.Sql {
    const { host: hosts, port: ports, path } = this.#endpoints;
    const turn = this.#turn;
    const [host, port] = [hosts[turn % hosts.length] as string, ports[turn % hosts.length] as number];
    const given = this.given as { socket?: () => Socket | Promise<Socket> } & postgres.Options<Record<string, never>>;
    let last: Socket | undefined;
    const socket = async () => {
      if (last && options.once) throw connectionClosed();
      // It needn't be connected yet: what the driver writes to it waits.
      last = given.socket ? await given.socket() : path ? connect(path) : connect({ host, port, noDelay: true });
      // The driver checks a certificate against this name.
      Object.assign(last, { host, port });
      this.#remember(last);
      options.onSocket?.(last);
      return last;
    };
    const own = {
      ...(path ? {} : { hostname: host, host, port }),
      max: options.max,
      connect_timeout: Number(given.connect_timeout ?? CONNECT_SECONDS),
      idle_timeout: options.idleSeconds ?? 0,
      // Without a list of the array types, which costs each connection a query.
      fetch_types: false,
      types: {},
      transform: {},
      connection: { application_name: "dual-write-store", ...given.connection },
      onnotice: () => {},
      onclose: () => {
        // With this option a server may answer and still not be the one looked for.
        const isFound = last !== undefined && last.bytesRead > 0 && !given.target_session_attrs;
        if (!isFound && this.#turn === turn) this.#turn++;
        options.onClose();
      },
      socket,
    } as postgres.Options<Record<string, never>>;
    return typeof this.#input === "string" ? postgres(this.#input, own) : postgres({ ...this.#input, ...own });
  }

  /** Cuts every connection that is still open. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #remember(socket: Socket): void {
    for (const known of this.#sockets) if (known.destroyed) this.#sockets.delete(known);
    this.#sockets.add(socket);
  }
}

function connectionClosed(): Error {
  const message = "The connection was closed while it was being made.";
  return Object.assign(new Error(message), { code: "CONNECTION_CLOSED", syscall: "connect" });
}
