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

const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;

/** The form in which an id travels with a state; ids of another form are hashed. */
export function operationId(given?: string): string {
  if (given === undefined) return randomBytes(12).toString("base64url");
  return PLAIN.test(given) ? given : createHash("sha256").update(given).digest("base64url").slice(0, 32);
}

export class Operation {
  readonly id: string;
  /** Aborts at the deadline or with the caller's signal. */
  readonly signal: AbortSignal;
  /** An attempt to change a store is under way. */
  sending = false;
  /** An attempt changed a store whose reign then ended: only the next one tells what became of it. */
  uncertain = false;
  readonly #deadlineAt: number;
  readonly #caller: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CallOptions | undefined, defaultDeadlineMs: number) {
    const deadline = options?.deadline ?? defaultDeadlineMs;
    const controller = new AbortController();
    this.id = operationId(options?.operationId);
    this.#deadlineAt = performance.now() + deadline;
    this.#caller = options?.signal;
    this.#timer = setTimeout(() => controller.abort(new Error("deadline")), deadline);
    this.signal = controller.signal;
    if (this.#caller?.aborted) controller.abort(this.#caller.reason);
    this.#caller?.addEventListener("abort", () => controller.abort(this.#caller?.reason), {
      signal: this.signal,
      once: true,
    });
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
    return this.#caller;
  }
  get cancelled(): boolean {
    return this.#caller?.aborted ?? false;
  }
  /** Frees the timer; call when the operation has settled. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Runs `work` as one operation and frees its timer afterwards. */
  static async run<T>(
    options: CallOptions | undefined,
    defaultDeadlineMs: number,
    work: (operation: Operation) => Promise<T>,
  ): Promise<T> {
    const operation = new Operation(options, defaultDeadlineMs);
    try {
      return await work(operation);
    } finally {
      operation.end();
    }
  }
}
