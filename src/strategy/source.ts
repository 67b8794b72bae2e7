/** Where a process gets its strategy from. */
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { StrategyError } from "../errors.js";
import { parseStrategy, type StrategyName } from "./strategies.js";

export interface StrategySource {
  /** Names the source in errors, such as `the environment variable DUAL_WRITE_STRATEGY`. */
  readonly description: string;
  /** The strategy now. @throws StrategyError when it is missing or unknown */
  read(): StrategyName;
  /**
   * Calls back whenever the strategy may have changed, until the returned function is called.
   * Absent: it is fixed at start.
   */
  watch?(changed: () => void): () => void;
}

/**
 * The strategy in an environment variable; fixed at start, so a flip is a rolling restart.
 * @example DualWriteStore.open({ strategy: fromEnv(), ... })
 */
export function fromEnv(name = "DUAL_WRITE_STRATEGY"): StrategySource {
  const description = `the environment variable ${name}`;
  return { description, read: () => parseStrategy(process.env[name], description) };
}

/**
 * The strategy in a text file, followed while the process runs: a flip is a change of the file.
 * @param intervalMs how often the file is looked at
 */
export function fromFile(path: string, intervalMs = 1000): StrategySource {
  const description = `the file ${path}`;
  return {
    description,
    read: () => {
      let text: string;
      try {
        text = readFileSync(path, "utf8");
      } catch (cause) {
        throw new StrategyError(`The strategy can't be read from ${description}: ${(cause as Error).message}.`, {
          cause,
        });
      }
      return parseStrategy(text.trim(), description);
    },
    watch: (changed) => {
      const listener = () => changed();
      watchFile(path, { interval: intervalMs, persistent: false }, listener);
      return () => unwatchFile(path, listener);
    },
  };
}

/** A fixed strategy given by name. */
export function fixed(value: unknown): StrategySource {
  const name = parseStrategy(value, "the option `strategy`");
  return { description: "the option `strategy`", read: () => name };
}
