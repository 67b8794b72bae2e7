/** Keeps a long run polite: no faster than asked, and slower when the stores suffer. */
import type { Issue } from "../../errors.js";

export interface PaceOptions {
  /** Keys a second at most. @default as fast as the stores can */
  readonly rate?: number | undefined;
}

/** A page that takes this many times longer than usual means that a store suffers. */
const SUFFERING = 4;
/** A page faster than this is never a sign of suffering. Milliseconds. */
const FAST_MS = 100;
const LONGEST_REST_MS = 5000;

/** A script that reads more keys at once would hold up everybody else. */
const LARGEST_PAGE = 5000;

/** What is wrong with a run's options. */
export function paceIssues({
  pageSize,
  rate,
}: {
  readonly pageSize?: number | undefined;
  readonly rate?: number | undefined;
}): Issue[] {
  const issues: Issue[] = [];
  if (pageSize !== undefined && !(Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= LARGEST_PAGE)) {
    issues.push({ path: "pageSize", message: `a whole number from 1 to ${LARGEST_PAGE}` });
  }
  if (rate !== undefined && !(rate >= 1 && Number.isFinite(rate)))
    issues.push({ path: "rate", message: "a number from 1" });
  return issues;
}

export class Pace {
  readonly #rate: number | undefined;
  readonly #began = performance.now();
  #keys = 0;
  /** The usual time a key takes; rises slowly, so that a long slowness is taken for normal only after many pages. */
  #usualMs: number | null = null;

  constructor({ rate }: PaceOptions) {
    this.#rate = rate;
  }

  /** How long to rest after a page. Milliseconds. */
  restAfter(keys: number, tookMs: number): number {
    this.#keys += keys;
    return Math.max(this.#untilDue(), Math.min(LONGEST_REST_MS, this.#untilRelieved(keys, tookMs)));
  }

  #untilDue(): number {
    if (this.#rate === undefined) return 0;
    return Math.max(0, this.#began + (this.#keys / this.#rate) * 1000 - performance.now());
  }

  #untilRelieved(keys: number, tookMs: number): number {
    if (keys === 0) return 0;
    const perKey = tookMs / keys;
    const usual = this.#usualMs ?? perKey;
    this.#usualMs = perKey < usual ? (usual + perKey) / 2 : usual * 1.02;
    return tookMs > FAST_MS && perKey > usual * SUFFERING ? tookMs : 0;
  }
}

/** Rejects with the signal's reason when it aborts. */
export function rest(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const end = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(end, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
