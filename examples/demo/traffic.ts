/** Steady traffic: clients that ask, wait for the answer, pause for a moment, and ask again, until they are stopped. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SharedRecords } from "./account-book.js";
import { Client } from "./client.js";
import type { Desk } from "./desk.js";
import { markField } from "./judge.js";
import type { LegacyKeyspace } from "./legacy-keyspace.js";
import type { Pace } from "./options.js";
import { Random } from "./random.js";

export interface TrafficOptions {
  readonly desk: Desk;
  readonly legacy: LegacyKeyspace;
  readonly pace: Pace;
  readonly seed: number;
  readonly now: number;
}

/** Legacy people that one client acts for: few enough to come back to each. */
const PEOPLE_EACH = 60;
const SHARED_RECORDS = 4;

export class Traffic {
  readonly #options: TrafficOptions;
  #loops: Promise<void>[] = [];
  #stopping = false;
  /** Set once the first backfill has built the index keys. */
  indexed = false;
  /** What ended a client, if anything did: a mistake of the demo's. */
  failure: Error | undefined;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /** Signs up the people whom all clients update, then lets the clients in. */
  async start(): Promise<void> {
    const { desk, legacy, pace, seed, now } = this.#options;
    const shared = await this.#signUpShared(pace.clients);
    for (let n = 0; n < pace.clients; n++) {
      const people = legacy.people.filter((person) => person.n % pace.clients === n).slice(0, PEOPLE_EACH);
      const random = new Random(seed * 1000 + n);
      const client = new Client({ n, desk, legacy, random, now, shared, indexed: () => this.indexed }, people);
      this.#loops.push(this.#run(client, random));
    }
  }

  /** Resolves when each client has had its last answer. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
  }

  async #run(client: Client, random: Random): Promise<void> {
    const { thinkMs } = this.#options.pace;
    try {
      while (!this.#stopping) {
        await client.act();
        await sleep(thinkMs * (0.5 + random.next()));
      }
    } catch (error) {
      this.failure ??= error as Error;
    }
  }

  async #signUpShared(clients: number): Promise<SharedRecords> {
    const { desk } = this.#options;
    const emails = Array.from({ length: SHARED_RECORDS }, (_, n) => `shared${n}@demo.example`);
    const ids: string[] = [];
    for (const email of emails) {
      const intent = desk.journal.intend([{ collection: "users", id: email }], "put");
      const user = await desk.write<{ id: string }>(
        "/users/create",
        { user: { email, [markField()]: intent.mark } },
        intent,
      );
      if (!user) throw new Error(`The first requests were refused: ${JSON.stringify(desk.refusals.at(-1))}`);
      ids.push(user.id);
    }
    return { emails, ids, lanes: Array.from({ length: clients }, (_, n) => `c${n}`) };
  }
}
