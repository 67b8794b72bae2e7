/** Stands between a client and a server, and breaks the connection in the ways that networks do. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./free-port.js";

export type ProxyMode =
  /** Everything passes. */
  | "pass"
  /** Nobody listens; open connections are cut. */
  | "refuse"
  /** Connections are accepted and nothing passes either way; what was held passes later, when the mode changes. */
  | "blackhole"
  /** Answers arrive `delayMs` later. */
  | "delay"
  /** Requests reach the server; answers are lost. */
  | "swallow-answers"
  /** Requests are lost before they reach the server. */
  | "drop-requests";

export interface ProxyOptions {
  /** The server's port on 127.0.0.1. One of `targetPort` and `targetUrl` is needed. */
  targetPort?: number;
  /** The server's URL; `url` is then the same with the proxy's port. */
  targetUrl?: string;
  /** @default a free one */
  port?: number;
}

export interface ProxyCounts {
  accepted: number;
  /** Bytes that reached the server. */
  requestBytes: number;
  /** Bytes that reached the client. */
  answerBytes: number;
  swallowedBytes: number;
  droppedBytes: number;
}

export interface TcpProxy {
  readonly port: number;
  /** `targetUrl` through the proxy; `tcp://127.0.0.1:port` without one. */
  readonly url: string;
  readonly mode: ProxyMode;
  /** Milliseconds by which mode "delay" holds answers back. @default 100 */
  delayMs: number;
  readonly counts: Readonly<ProxyCounts>;
  /** Open connections. */
  readonly open: number;
  /** Any server's URL, with the proxy's host and port. */
  urlFor(url: string): string;
  /** Connections that lost bytes in the mode before are cut: what follows would be out of step. */
  setMode(mode: ProxyMode): Promise<void>;
  cutAll(): void;
  /** Leads to another server from now on, as an address does after a failover; open connections are cut. */
  retarget(port: number): void;
  /** Cuts the connection on which the `bytes`-th byte of answer from now on passes. Resolves then. */
  cutAfterBytes(bytes: number): Promise<void>;
  /** Passes half of the next piece of answer, then cuts its connection. Resolves then. */
  cutMidAnswer(): Promise<void>;
  stop(): Promise<void>;
}

interface Link {
  client: Socket;
  server: Socket;
  lostBytes: boolean;
  /** Answers, and the end after them, that aren't due yet; in order. */
  held: { dueAt: number; act: () => void }[];
}

interface Cut {
  /** Undefined cuts in the middle of the next answer. */
  bytesLeft: number | undefined;
  done: () => void;
}

const HOST = "127.0.0.1";

export async function startProxy(options: ProxyOptions): Promise<TcpProxy> {
  let targetPort = options.targetPort ?? Number(new URL(options.targetUrl ?? "").port);
  const port = options.port ?? (await freePort());
  const links = new Set<Link>();
  const counts: ProxyCounts = { accepted: 0, requestBytes: 0, answerBytes: 0, swallowedBytes: 0, droppedBytes: 0 };
  let mode: ProxyMode = "pass";
  let cut: Cut | undefined;
  let listener: Server | undefined = await listen(port, accept);

  function accept(client: Socket): void {
    counts.accepted++;
    const server = connect({ port: targetPort, host: HOST, noDelay: true });
    const link: Link = { client, server, lostBytes: false, held: [] };
    links.add(link);
    if (mode === "blackhole") pause(link);
    client.on("data", (chunk) => onRequest(link, chunk));
    server.on("data", (chunk) => onAnswer(link, chunk));
    client.once("end", () => server.end());
    server.once("end", () => {
      if (mode !== "swallow-answers") inTurn(link, 0, () => client.end());
    });
    for (const socket of [client, server]) {
      socket.on("error", () => {});
      socket.once("close", () => closeWith(link, socket));
    }
  }

  function onRequest(link: Link, chunk: Buffer): void {
    if (mode === "drop-requests") {
      counts.droppedBytes += chunk.length;
      link.lostBytes = true;
      return;
    }
    counts.requestBytes += chunk.length;
    forward(chunk, link.client, link.server);
  }

  function onAnswer(link: Link, chunk: Buffer): void {
    if (mode === "swallow-answers") {
      counts.swallowedBytes += chunk.length;
      link.lostBytes = true;
      return;
    }
    inTurn(link, mode === "delay" ? proxy.delayMs : 0, () => passAnswer(link, chunk));
  }

  function passAnswer(link: Link, chunk: Buffer): void {
    if (link.client.writableEnded) return;
    const keep = cut === undefined ? chunk.length : (cut.bytesLeft ?? Math.floor(chunk.length / 2));
    if (cut !== undefined && keep <= chunk.length) {
      counts.answerBytes += keep;
      link.client.end(chunk.subarray(0, keep), () => close(link));
      cut.done();
      cut = undefined;
      return;
    }
    if (cut?.bytesLeft !== undefined) cut.bytesLeft -= chunk.length;
    counts.answerBytes += chunk.length;
    forward(chunk, link.server, link.client);
  }

  /** A side that goes takes the other along, except where the mode hides it from the client. */
  function closeWith(link: Link, gone: Socket): void {
    const hidden = gone === link.server && (mode === "swallow-answers" || mode === "blackhole");
    if (hidden) link.lostBytes = true;
    else inTurn(link, 0, () => close(link));
  }

  function inTurn(link: Link, delayMs: number, act: () => void): void {
    link.held.push({ dueAt: performance.now() + delayMs, act });
    if (link.held.length === 1) release(link);
  }

  function release(link: Link): void {
    for (let next = link.held[0]; next !== undefined && mode !== "blackhole"; next = link.held[0]) {
      const wait = next.dueAt - performance.now();
      if (wait > 0) {
        setTimeout(() => release(link), Math.ceil(wait));
        return;
      }
      next.act();
      link.held.shift();
    }
  }

  /** Writes with back pressure: a reader that lags slows its source. */
  function forward(chunk: Buffer, from: Socket, to: Socket): void {
    if (to.destroyed || to.writableEnded || to.write(chunk)) return;
    from.pause();
    to.once("drain", () => {
      if (mode !== "blackhole") from.resume();
    });
  }

  function close(link: Link): void {
    links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }

  const proxy: TcpProxy = {
    port,
    url: options.targetUrl === undefined ? `tcp://${HOST}:${port}` : through(options.targetUrl, port),
    get mode() {
      return mode;
    },
    delayMs: 100,
    counts,
    get open() {
      return links.size;
    },
    urlFor: (url) => through(url, port),
    setMode: async (next) => {
      if (next === mode) return;
      mode = next;
      for (const link of [...links]) {
        if (link.lostBytes || next === "refuse") close(link);
        else if (next === "blackhole") pause(link);
        else {
          link.client.resume();
          link.server.resume();
          release(link);
        }
      }
      if (next === "refuse") {
        await closeListener(listener);
        listener = undefined;
      } else listener ??= await listen(port, accept);
    },
    cutAll: () => {
      for (const link of [...links]) close(link);
    },
    retarget: (to) => {
      targetPort = to;
      proxy.cutAll();
    },
    cutAfterBytes: (bytes) => new Promise((done) => (cut = { bytesLeft: bytes, done })),
    cutMidAnswer: () => new Promise((done) => (cut = { bytesLeft: undefined, done })),
    stop: async () => {
      proxy.cutAll();
      await closeListener(listener);
      listener = undefined;
    },
  };
  return proxy;
}

function pause(link: Link): void {
  link.client.pause();
  link.server.pause();
}

function through(url: string, port: number): string {
  const changed = new URL(url);
  changed.hostname = HOST;
  changed.port = String(port);
  return changed.href;
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, accept);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: HOST }, () => resolve(server));
  });
}

function closeListener(listener: Server | undefined): Promise<void> {
  return new Promise((resolve) => (listener === undefined ? resolve() : listener.close(() => resolve())));
}
