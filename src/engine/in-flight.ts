/** The operations under way in this process: bounded in number; closing waits for them and lets no further one begin. */
import { AuthorityUnavailableError, OverloadedError } from "../errors.js";
import { type CallOptions, Operation } from "../stores/operation.js";

export class InFlight {
  #size = 0;
  /** Somebody waits for the end of all. */
  #all: Promise<void> | undefined;
  #ended: (() => void) | undefined;
  readonly #limit: number;
  #closed = false;

  /** @param limit operations at most; a further one is refused at once, so that memory and waiting times stay bounded */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many are under way. */
  get size(): number {
    return this.#size;
  }

  /**
   * Runs `work` as one operation with its deadline.
   * @throws OverloadedError when too many are under way; AuthorityUnavailableError after `close`. Nothing was begun then.
   */
  async run<T>(
    options: CallOptions | undefined,
    defaultDeadlineMs: number,
    work: (operation: Operation) => Promise<T>,
  ): Promise<T> {
    const operation = this.begin(options, defaultDeadlineMs);
    try {
      return await work(operation);
    } finally {
      this.end();
    }
  }

  /** The same for callers that take care of the `end` themselves, whatever happens. */
  begin(options: CallOptions | undefined, defaultDeadlineMs: number): Operation {
    if (this.#closed) throw new AuthorityUnavailableError("The store is closed; open a new one.");
    if (this.#size >= this.#limit) throw this.#overloaded(options);
    this.#size++;
    return new Operation(options, defaultDeadlineMs);
  }

  end(): void {
    this.#size--;
    if (this.#size === 0) this.#ended?.();
  }

  /** Lets nothing new begin and resolves when all that runs has settled. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#size === 0) return;
    this.#all ??= new Promise((resolve) => {
      this.#ended = resolve;
    });
    await this.#all;
  }

  #overloaded(options: CallOptions | undefined): OverloadedError {
    return new OverloadedError(
      `${this.#size} operations are in flight, and maxInFlight allows ${this.#limit}; nothing was applied. Retry when some have ended; if this lasts, let fewer requests in at once, add processes, or raise maxInFlight.`,
      options?.operationId === undefined ? {} : { operationId: options.operationId },
    );
  }
}
