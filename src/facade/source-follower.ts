/** Keeps a process at the strategy that its source gives: follows each change, and tries again what can't be followed yet. */
import type { Logger } from "pino";
import type { StrategySource } from "../strategy/source.js";
import type { StrategyName } from "../strategy/strategies.js";

/** Pause before a change that was refused is tried again: the others may have crossed by then. Milliseconds. */
const RETRY_MS = 1000;

export interface Followed {
  readonly strategy: StrategyName;
  /** @throws StrategyError while it can't be followed */
  follow(next: StrategyName): Promise<void>;
}

/** Resolves after a first look. Call the result to stop. A source that is fixed at start is left alone. */
export async function followSource(source: StrategySource, store: Followed, logger: Logger): Promise<() => void> {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let told = "";
  let looking: Promise<void> = Promise.resolve();
  const lookOnce = async () => {
    clearTimeout(timer);
    if (stopped) return;
    try {
      const next = source.read();
      if (next !== store.strategy) await store.follow(next);
      told = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== told)
        logger.error({ err: error }, `${source.description} can't be followed yet; ${store.strategy} goes on`);
      told = message;
      timer = setTimeout(look, RETRY_MS);
      timer.unref();
    }
  };
  // One after another: a second change waits for the first to be followed.
  const look = () => {
    looking = looking.then(lookOnce);
    return looking;
  };
  const unwatch = source.watch?.(() => void look());
  if (!unwatch) return () => {};
  // What changed while the store was being opened.
  await look();
  return () => {
    stopped = true;
    clearTimeout(timer);
    unwatch();
  };
}
