/** Tells what happens as it happens, each line with the time since the start; on a terminal with a live line below. */

export interface Narrator {
  /** Seconds since the start. */
  readonly elapsed: number;
  week(title: string, why: string): void;
  say(text: string): void;
  warn(text: string): void;
  /** What the live line shows from now on. */
  watch(describe: () => string): void;
  end(): void;
}

const LIVE_EVERY_MS = 250;

export function narrateOn(stream: NodeJS.WriteStream): Narrator {
  const began = performance.now();
  const colours = stream.isTTY && process.env.NO_COLOR === undefined;
  let describe: (() => string) | undefined;
  let timer: NodeJS.Timeout | undefined;

  const elapsed = () => (performance.now() - began) / 1000;
  const stamp = () => `[${elapsed().toFixed(1).padStart(6)} s]`;
  const paint = (code: number, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const clear = () => {
    if (stream.isTTY) stream.write("\r\u001b[2K");
  };
  const live = () => {
    if (!describe || !stream.isTTY) return;
    clear();
    stream.write(paint(2, `${stamp()} ${describe()}`.slice(0, (stream.columns ?? 80) - 1)));
  };
  const line = (text: string) => {
    clear();
    stream.write(`${text}\n`);
    live();
  };

  return {
    get elapsed() {
      return elapsed();
    },
    week: (title, why) => {
      line("");
      line(`${stamp()} ${paint(1, title)}`);
      line(`           ${paint(2, why)}`);
    },
    say: (text) => line(`${stamp()}   ${text}`),
    warn: (text) => line(`${stamp()} ${paint(31, `! ${text}`)}`),
    watch: (next) => {
      describe = next;
      if (!stream.isTTY || timer) return;
      timer = setInterval(live, LIVE_EVERY_MS);
      timer.unref();
    },
    end: () => {
      clearInterval(timer);
      describe = undefined;
      clear();
    },
  };
}

/** `since` as performance.now() gave it. */
export function secondsSince(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
