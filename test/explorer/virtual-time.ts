/**
 * Time that passes only from one timer to the next, in place of the real one while a schedule runs. It has just what the engine uses:
 * a schedule sets thousands of timers, and general fake timers were an eighth of its cost.
 */

interface Timer {
  at: number;
  /** Timers of one moment run in the order in which they were set. */
  order: number;
  readonly everyMs: number | null;
  /** Null: it was cleared. */
  run: (() => void) | null;
}

/** What `setTimeout` gives: nothing here holds a process up. */
class Handle {
  constructor(readonly timer: Timer) {}
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return false;
  }
}

export class VirtualTime {
  now: number;
  /** How far the processes' clocks are ahead. Milliseconds. */
  applicationMs = 0;
  readonly #begun: number;
  /** A heap: each is due no later than those at twice its place and one or two more. */
  readonly #timers: Timer[] = [];
  #live = 0;
  #order = 0;

  constructor(begun: number) {
    this.now = begun;
    this.#begun = begun;
  }

  /** Milliseconds since the beginning. */
  get passed(): number {
    return this.now - this.#begun;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#live;
  }

  /** Goes on to the next timer and runs it. */
  next(): void {
    const timer = this.#take();
    if (!timer?.run) return;
    const { run } = timer;
    this.now = timer.at;
    if (timer.everyMs === null) this.#end(timer);
    else this.#push(Object.assign(timer, { at: this.now + timer.everyMs, order: ++this.#order }));
    run();
  }

  /** Puts itself in the place of the real time. Returns what takes it away again. */
  install(): () => void {
    const real = { setTimeout, clearTimeout, setInterval, clearInterval, Date };
    const realNow = performance.now;
    const realTimeout = AbortSignal.timeout;
    const now = () => this.now + this.applicationMs;
    class VirtualDate extends Date {
      constructor(...parts: readonly unknown[]) {
        super(...((parts.length === 0 ? [now()] : parts) as [number]));
      }
      static override now = now;
    }
    // What was begun before keeps its real time.
    const clear = (handle?: Handle | NodeJS.Timeout | null) => {
      if (handle instanceof Handle) this.#end(handle.timer);
      else real.clearTimeout(handle ?? undefined);
    };
    Object.assign(globalThis, {
      setTimeout: (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
        this.#set(args.length === 0 ? run : () => run(...args), ms, false),
      setInterval: (run: () => void, ms?: number) => this.#set(run, ms, true),
      clearTimeout: clear,
      clearInterval: clear,
      Date: VirtualDate,
    });
    performance.now = () => this.passed;
    AbortSignal.timeout = (ms) => {
      const controller = new AbortController();
      this.#set(() => controller.abort(new DOMException(`${ms} ms have passed`, "TimeoutError")), ms, false);
      return controller.signal;
    };
    return () => {
      Object.assign(globalThis, real);
      performance.now = realNow;
      AbortSignal.timeout = realTimeout;
    };
  }

  #set(run: () => void, ms: number | undefined, repeats: boolean): Handle {
    // As Node's: less than a millisecond is one.
    const delay = Math.max(1, Math.trunc(ms ?? 1) || 1);
    const timer = { at: this.now + delay, order: ++this.#order, everyMs: repeats ? delay : null, run };
    this.#push(timer);
    this.#live++;
    return new Handle(timer);
  }

  #end(timer: Timer): void {
    if (timer.run) this.#live--;
    timer.run = null;
  }

  #push(timer: Timer): void {
    const timers = this.#timers;
    let place = timers.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = timers[above] as Timer;
      if (!isBefore(timer, other)) break;
      timers[place] = other;
      place = above;
    }
    timers[place] = timer;
  }

  /** The first that wasn't cleared. */
  #take(): Timer | undefined {
    for (;;) {
      const first = this.#timers[0];
      const last = this.#timers.pop();
      if (first && last && last !== first) this.#sink(last);
      if (!first || first.run) return first;
    }
  }

  /** Puts it in the first one's place, and then as deep as it belongs. */
  #sink(timer: Timer): void {
    const timers = this.#timers;
    for (let place = 0; ; ) {
      let below = 2 * place + 1;
      if (below + 1 < timers.length && isBefore(timers[below + 1] as Timer, timers[below] as Timer)) below++;
      const other = timers[below];
      if (!other || isBefore(timer, other)) {
        timers[place] = timer;
        return;
      }
      timers[place] = other;
      place = below;
    }
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
