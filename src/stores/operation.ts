/** One caller's operation: its id, its deadline and its cancellation. */
import { createHash, randomBytes } from "node:crypto";

/** What every call of the public surface takes. */
export interface CallOptions {
  /** Cancels the call; what was already sent may still be applied. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole operation. @default the store's `deadlines` */
  readonly deadline?: number;
  /** Repeating a call with the same id applies it at most once. @default a new one for each call */
  readonly operationId?: string;
}

/** But for `-` alone, by which companions say that there is none. */
const PLAIN = /^(?!-$)[A-Za-z0-9_-]{1,64}$/;

/** Nobody else's: 96 random bits, drawn once for each process because drawing is slow. */
const OWN = randomBytes(12).toString("base64url");
let made = 0;

/** The form in which an id travels with a state; ids of another form are hashed. */
export function operationId(given?: string): string {
  if (given === undefined) return `${OWN}${(made++).toString(36)}`;
  return PLAIN.test(given) ? given : createHash("sha256").update(given).digest("base64url").slice(0, 32);
}

export class Operation {
  /** An attempt to change a store is under way. */
  sending = false;
  /** An attempt changed a store whose reign then ended: only the next one tells what became of it. */
  uncertain = false;
  /** An attempt's answer was lost: it may have been carried out, or may be yet. */
  unheard = false;
  /** The same of any earlier step of this operation. A Redis that goes back to an older state may carry it out yet. */
  everUnheard = false;
  /** What it was to be built on didn't stand any more. */
  outrun = false;
  readonly #deadlineAt: number;
  readonly #options: CallOptions | undefined;
  #id: string | undefined;

  constructor(options: CallOptions | undefined, defaultDeadlineMs: number) {
    this.#options = options;
    this.#deadlineAt = performance.now() + (options?.deadline ?? defaultDeadlineMs);
  }

  /** Made when it is first asked for: most operations only read. */
  get id(): string {
    this.#id ??= operationId(this.#options?.operationId);
    return this.#id;
  }

  /** Milliseconds left, never negative. */
  get remaining(): number {
    return Math.max(0, this.#deadlineAt - performance.now());
  }
  get expired(): boolean {
    return this.remaining === 0;
  }
  /** The caller's own signal; the deadline ends each attempt by itself. */
  get cancel(): AbortSignal | undefined {
    return this.#options?.signal;
  }
  get cancelled(): boolean {
    return this.#options?.signal?.aborted ?? false;
  }

  /** Settles as `work` does, or rejects with `why()` as soon as the caller cancels; `work` then goes on by itself. */
  orCancelled<T>(work: Promise<T>, why: () => Error): Promise<T> {
    const signal = this.#options?.signal;
    if (!signal) return work;
    return new Promise<T>((resolve, reject) => {
      const cancel = () => reject(why());
      if (signal.aborted) cancel();
      signal.addEventListener("abort", cancel, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", cancel));
    });
  }
}
