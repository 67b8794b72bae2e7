/** The one way to stop waiting for something that goes on by itself. */

/**
 * Settles as `work` does, or rejects with `late()` when so many milliseconds have passed. What is no longer waited for may still be
 * carried out.
 */
export function within<T>(limitMs: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), limitMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
