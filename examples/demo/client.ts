/** One client of the backend: it does one thing after the other, and waits for each answer. */
import { AccountBook, type World } from "./account-book.js";
import { ClientReads } from "./client-reads.js";
import { ClientWrites } from "./client-writes.js";
import type { Person } from "./legacy-people.js";

type Action = () => Promise<void>;

export class Client {
  readonly #world: World;
  /** Actions with their weights, which add up to 100. */
  readonly #actions: readonly (readonly [weight: number, action: Action])[];

  constructor(world: World, people: readonly Person[]) {
    this.#world = world;
    const book = new AccountBook(world.n, people);
    const reads = new ClientReads(world, book);
    const writes = new ClientWrites(world, book);
    this.#actions = [
      [34, () => reads.askForAccess()],
      [8, () => reads.readSomebody()],
      [6, () => reads.readOwn()],
      [6, () => reads.readUsage()],
      [4, () => reads.readWhatEnds()],
      [3, () => reads.askForLapsing()],
      [3, () => reads.readShared()],
      [12, () => writes.countUse()],
      [5, () => writes.grant()],
      [6, () => writes.updateUser()],
      [4, () => writes.updateSubscription()],
      [4, () => writes.deleteOrSignUp()],
      [2, () => writes.openSession()],
      [3, () => writes.updateShared()],
    ];
  }

  act(): Promise<void> {
    let turn = this.#world.random.below(100);
    for (const [weight, action] of this.#actions) {
      turn -= weight;
      if (turn < 0) return action();
    }
    throw new Error("The weights of a client's actions don't add up to 100.");
  }
}
