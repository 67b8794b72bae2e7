/** A compressed file of a backup: written as a stream with its checksum, and read back the same way. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline as pipe, Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { BackupError } from "../../errors.js";
import type { BackupFile } from "./manifest.js";

/** A source that gives nothing for this long is given up. Milliseconds. */
const STALL_MS = 120_000;
/** Bytes to compress at once: each piece is a task of its own for the compressor, whatever its size. */
const PIECE = 1 << 16;

/**
 * Compresses `content` into a new file that only its owner may read, and sees it on the disk.
 * @throws BackupError for a full disk; what `content` throws; the signal's reason
 */
export async function writeBackupFile(
  path: string,
  holds: BackupFile["holds"],
  content: AsyncIterable<Buffer | string>,
  { signal, stallMs = STALL_MS }: { readonly signal?: AbortSignal | undefined; readonly stallMs?: number } = {},
): Promise<BackupFile> {
  const stall = new Watch(stallMs, `Nothing came for ${basename(path)} for ${stallMs / 1000} s.`);
  const hash = createHash("sha256");
  let contentBytes = 0;
  let bytes = 0;
  const moved = (length: number) => {
    contentBytes += length;
    stall.moved();
  };
  const hashed = tap((chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
    stall.moved();
  });
  try {
    const file = createWriteStream(path, { mode: 0o600, flush: true });
    const both = signal ? AbortSignal.any([signal, stall.signal]) : stall.signal;
    await pipeline(Readable.from(pieces(content, moved)), createGzip(), hashed, file, { signal: both });
  } catch (error) {
    throw stall.signal.aborted && !signal?.aborted ? stall.signal.reason : diskError(error, path);
  } finally {
    stall.end();
  }
  return { name: basename(path), holds, bytes, sha256: hash.digest("hex"), contentBytes };
}

/** The same content in fewer, larger chunks. `moved` is told the length of each as it comes. */
async function* pieces(
  content: AsyncIterable<Buffer | string>,
  moved: (length: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const given of content) {
    const chunk = typeof given === "string" ? Buffer.from(given) : given;
    moved(chunk.length);
    waiting.push(chunk);
    length += chunk.length;
    if (length < PIECE) continue;
    yield waiting.length === 1 ? chunk : Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}

/** The content of a file. @throws BackupError if it isn't what its checksum says */
export async function* readBackupFile(path: string, file: BackupFile): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash("sha256");
  const content = createGunzip();
  const hashed = tap((chunk) => hash.update(chunk));
  // Its error is met where the content is read.
  pipe(createReadStream(path), hashed, content, () => {});
  try {
    yield* content as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new BackupError(`${path} can't be read: ${(cause as Error).message}.`, { cause });
  }
  if (hash.digest("hex") !== file.sha256) throw damaged(path);
}

/**
 * Reads a whole file without keeping it. Returns the end of its content, for what only stands there.
 * @throws BackupError if it isn't what its checksum says
 */
export async function checkBackupFile(path: string, file: BackupFile): Promise<Buffer> {
  await checksum(path, file);
  let bytes = 0;
  let end: Buffer = Buffer.alloc(0);
  for await (const chunk of readBackupFile(path, file)) {
    bytes += chunk.length;
    end = chunk.length >= TAIL ? chunk.subarray(-TAIL) : Buffer.concat([end, chunk]).subarray(-TAIL);
  }
  if (bytes !== file.contentBytes) throw damaged(path);
  return end;
}

/** How much of the end is looked at. */
const TAIL = 512;

/** First as it stands on the disk: a damaged file may not even unpack. */
async function checksum(path: string, file: BackupFile): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (cause) {
    throw new BackupError(`${path} can't be read: ${(cause as Error).message}.`, { cause });
  }
  if (bytes !== file.bytes || hash.digest("hex") !== file.sha256) throw damaged(path);
}

function damaged(path: string): BackupError {
  return new BackupError(`${path} isn't what its checksum says: it was cut or changed. Use another backup.`);
}

/** Says what to do about a full disk; any other error as it is. */
export function diskError(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT" && code !== "EFBIG") return error;
  return new BackupError(
    `The disk is full: ${path} could not be written (${code}). What was begun of the backup is removed. Free space, or give another folder.`,
    { cause: error },
  );
}

/** So that the names in a folder outlive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

function tap(see: (chunk: Buffer) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _, done) {
      see(chunk);
      done(null, chunk);
    },
  });
}

/** Aborts when nothing moved for a while. */
class Watch {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number, message: string) {
    this.#timer = setTimeout(() => this.#abort.abort(new BackupError(message)), ms).unref();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  moved(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
