/** Waits until a condition holds, and says which one didn't. */

export interface WaitOptions {
  /** Milliseconds to wait at most. @default 10000 */
  timeoutMs?: number;
  /** Milliseconds between two looks. @default 10 */
  everyMs?: number;
  /** Completes the sentence "Waited in vain for …". @default the condition's source */
  what?: string;
}

/** Resolves to the first truthy value of `condition`; one that throws counts as not yet, and its error is the cause of the timeout's. */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { timeoutMs = 10_000, everyMs = 10, what = String(condition) } = options;
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`, { cause });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
