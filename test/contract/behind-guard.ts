/** A store as the engine meets it: its hot calls gathered with those under way at once. */
import { Guard } from "../../src/stores/guard.js";
import type { Store } from "../../src/stores/store.js";

const TIMEOUT_MS = 20_000;

export function behindGuard<S extends Store>(store: S): S {
  const { hot } = new Guard(store, { coalesce: true });
  const gathered = Object.fromEntries(
    (Object.keys(hot) as (keyof typeof hot)[]).map((name) => [
      name,
      (...call: unknown[]) => (hot[name] as (...args: unknown[]) => unknown)(...call, TIMEOUT_MS),
    ]),
  );
  return new Proxy(store, {
    get(target, property) {
      const own = gathered[property as string] ?? Reflect.get(target, property, target);
      return typeof own === "function" && !(property in gathered) ? own.bind(target) : own;
    },
  });
}
