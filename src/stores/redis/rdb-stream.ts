/** The whole of Redis at one moment, as the server sends it to a new replica: the content of an RDB file. */
import type { Redis } from "ioredis";

/** The server doesn't give its data by the replication protocol; managed ones often don't. */
export class RdbRefusedError extends Error {
  override readonly name = "RdbRefusedError";
}

/** The mark at the end of a stream whose length the server didn't know at its beginning. */
const MARK_LENGTH = 40;
const LINE_LIMIT = 4096;

/**
 * `client` is used up: give one of its own (`duplicate`), connected. The server forks, as for BGSAVE; it waits some seconds for
 * more replicas first (`repl-diskless-sync-delay`).
 * @throws RdbRefusedError before the first chunk
 */
export async function* rdbStream(client: Redis): AsyncGenerator<Buffer, void, undefined> {
  // An older server doesn't know these and sends the same, on a connection that it then keeps open.
  await client.call("REPLCONF", "capa", "eof").catch(() => {});
  await client.call("REPLCONF", "rdb-only", "1").catch(() => {});
  const socket = client.stream;
  // From here on the connection doesn't speak in replies.
  socket.removeAllListeners("data");
  socket.setTimeout(0);
  socket.write("SYNC\r\n");
  const reader = new Reader(socket);
  try {
    const line = await header(reader);
    const marked = /^\$EOF:(.{40})$/.exec(line)?.[1];
    if (marked !== undefined) yield* untilMark(reader, Buffer.from(marked, "latin1"));
    else yield* ofLength(reader, lengthOf(line));
  } finally {
    client.disconnect();
  }
}

/** The server sends empty lines while it prepares. */
async function header(reader: Reader): Promise<string> {
  for (;;) {
    const line = await reader.line();
    if (line !== "") return line;
  }
}

function lengthOf(line: string): number {
  const length = /^\$(\d+)$/.exec(line)?.[1];
  if (length !== undefined) return Number(length);
  throw new RdbRefusedError(
    line.startsWith("-") ? line.slice(1) : `the server answered SYNC with ${line.slice(0, 100)}`,
  );
}

async function* ofLength(reader: Reader, length: number): AsyncGenerator<Buffer, void, undefined> {
  for (let left = length; left > 0; ) {
    const chunk = await reader.chunk();
    const wanted = chunk.subarray(0, left);
    left -= wanted.length;
    yield wanted;
  }
}

/** The mark is 40 random characters, so it ends the stream where it comes last. */
async function* untilMark(reader: Reader, mark: Buffer): AsyncGenerator<Buffer, void, undefined> {
  let tail: Buffer = Buffer.alloc(0);
  for (;;) {
    const data = Buffer.concat([tail, await reader.chunk()]);
    const isEnd = data.length >= MARK_LENGTH && data.subarray(-MARK_LENGTH).equals(mark);
    const known = Math.max(0, data.length - MARK_LENGTH);
    if (known > 0) yield data.subarray(0, known);
    if (isEnd) return;
    tail = data.subarray(known);
  }
}

/** Reads a socket by lines first, then by chunks. */
class Reader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: AsyncIterable<Buffer>) {
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.subarray(0, end).toString("latin1").replace(/\r$/, "");
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      if (this.#rest.length > LINE_LIMIT) throw new Error("Redis answered SYNC with something that isn't a line.");
      this.#rest = Buffer.concat([this.#rest, await this.#next()]);
    }
  }

  async chunk(): Promise<Buffer> {
    if (this.#rest.length === 0) return this.#next();
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  async #next(): Promise<Buffer> {
    const { value, done } = await this.#chunks.next();
    if (done) throw new Error("Redis closed the connection before its data had ended.");
    return value;
  }
}
