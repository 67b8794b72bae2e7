/** How much of its speed a run takes: much less at once when somebody else's small call is late, a little more for each that isn't. */
import { type Answer, ASK_EVERY_MS, type Asked, Foreground } from "./foreground.js";

/** It begins gently. */
const FIRST = 1 / 16;
/** Until the first late answer: twice as fast after a quarter of a second. */
const GROWTH_AT_FIRST = 1.06;
/** Afterwards. With CUT it settles where one answer in 400 is late, or one in 200 of one store where the other is prompt. */
const GROWTH = 1.0009;
const CUT = 0.7;
/** After a page something of it may linger. What is asked for later is late by somebody else's doing. Milliseconds. */
const LINGERING_MS = 20;
/** Asked for so shortly before the next page, it may have to wait for that. Milliseconds. */
const SHORTLY_MS = 5;
/** A long lateness is that of many calls of others. */
const MOST_CUTS = 4;
/** Down to this share pages become smaller; below it rests become longer. */
const SMALLEST_PAGE = 1 / 20;
const LEAST = 1 / 1000;

export class Politeness {
  #share = FIRST;
  #wasLate = false;
  #rest = { from: 0, until: 0 };

  /** Watches the stores until `work` has ended; begins it when they are known at rest. */
  async during<T>(stores: readonly Asked[], work: () => Promise<T>): Promise<T> {
    const watches = stores.map((store) => new Foreground(store, (answer) => this.#heed(answer)));
    try {
      await Promise.all(watches.map((watch) => watch.start()));
      return await work();
    } finally {
      for (const watch of watches) watch.stop();
    }
  }

  /** Of its full speed, up to 1. */
  get share(): number {
    return this.#share;
  }

  /** Keys of a page for which so many were asked. */
  pageKeys(most: number): number {
    return Math.max(1, Math.round(most * Math.max(this.#share, SMALLEST_PAGE)));
  }

  /** The run does nothing for so long from now. Milliseconds. */
  resting(ms: number): void {
    const now = performance.now();
    this.#rest = { from: now + LINGERING_MS, until: now + ms - SHORTLY_MS };
  }

  /** Milliseconds. */
  restAfter(tookMs: number): number {
    return tookMs * Math.max(0, SMALLEST_PAGE / this.#share - 1);
  }

  /**
   * Where answers are late although the run rests, each takes back a cut: the others are late by themselves, and the run makes
   * no more of them late than are anyway.
   */
  #heed({ at, ms, isLate }: Answer): void {
    const cut = CUT ** Math.min(MOST_CUTS, Math.max(1, ms / ASK_EVERY_MS));
    const isOurs = at < this.#rest.from || at > this.#rest.until;
    this.#wasLate ||= isLate && isOurs;
    if (!isLate) this.#share *= this.#wasLate ? GROWTH : GROWTH_AT_FIRST;
    else this.#share *= isOurs ? cut : 1 / cut;
    this.#share = Math.min(1, Math.max(LEAST, this.#share));
  }
}
