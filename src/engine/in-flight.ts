/** The operations under way in this process: closing waits for them and lets no further one begin. */
import { AuthorityUnavailableError } from "../errors.js";
import { type CallOptions, Operation } from "../stores/operation.js";

export class InFlight {
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  /** Runs `work` as one operation with its deadline. @throws AuthorityUnavailableError after `close` */
  run<T>(
    options: CallOptions | undefined,
    defaultDeadlineMs: number,
    work: (operation: Operation) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) return Promise.reject(new AuthorityUnavailableError("The store is closed; open a new one."));
    const running = Operation.run(options, defaultDeadlineMs, work);
    this.#running.add(running);
    const settled = () => this.#running.delete(running);
    running.then(settled, settled);
    return running;
  }

  /** Lets nothing new begin and resolves when all that runs has settled. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
