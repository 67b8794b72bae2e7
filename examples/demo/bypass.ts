/** Starts the bypass writer and keeps the journal of what it does. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BypassWrite, FromBypass, ToBypass } from "./bypass-writer.js";
import type { Intent, Journal } from "./journal.js";
import { type Program, startProgram } from "./program.js";

export interface BypassOptions {
  /** The bypass writer's program. */
  readonly path: string;
  readonly redisUrl: string;
  readonly journal: Journal;
  readonly sharedAddresses: readonly string[];
  readonly now: number;
  readonly seed: number;
}

export class BypassWriter {
  readonly #program: Program;
  readonly #journal: Journal;
  #intent: Pick<Intent, "settle"> | undefined;
  /** Writes carried out. */
  writes = 0;

  constructor({ path, redisUrl, journal, sharedAddresses, now, seed }: BypassOptions) {
    this.#journal = journal;
    this.#program = startProgram(path, {
      REDIS_URL: redisUrl,
      SHARED_ADDRESSES: sharedAddresses.join(","),
      DEMO_DAY: String(now),
      SEED: String(seed),
    });
    this.#program.child.on("message", (message: FromBypass) => this.#hear(message));
  }

  /** Finishes what is under way. @throws Error when it had ended before, by itself */
  async stop(): Promise<void> {
    if (!this.#program.running) throw new Error(`The bypass writer ended by itself:\n${this.#program.log}`);
    await this.#program.stop();
    // Its last message may come after its end.
    for (let waits = 0; this.#intent && waits < 100; waits++) await sleep(10);
    this.#intent?.settle("unknown");
  }

  #hear(message: FromBypass): void {
    if ("intends" in message) {
      const mark = this.#journal.nextMark();
      this.#intent = this.#note(message.intends, mark);
      // It may be gone meanwhile.
      this.#program.child.send({ mark } satisfies ToBypass, () => {});
      return;
    }
    this.#intent?.settle(message.outcome);
    this.#intent = undefined;
    this.writes++;
  }

  #note(write: BypassWrite, mark: number): Pick<Intent, "settle"> {
    if (write.kind === "count") return this.#journal.intendToCount(write.ids, 1, "bypass");
    const expiresAt = write.kind === "put" ? write.expiresAt : null;
    return this.#journal.intend([write], write.kind, { mark, expiresAt, origin: "bypass" });
  }
}
