/** For work that is begun before its result is wanted. */

/** Its failure is met where it is awaited, which may be later. */
export function met<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
