/** The mirror behind a proxy that breaks it, and how it comes back. */
import type { TcpProxy } from "../../test/servers/tcp-proxy.js";
import type { BenchStore } from "../stage.js";

/** The mirror as seen by the store: through a proxy that breaks it. */
export interface BrokenMirror {
  readonly name: "Postgres" | "Redis";
  readonly store: BenchStore;
  readonly proxy: TcpProxy;
  /** Milliseconds that a request waits for the mirror at most. */
  readonly deadline: number;
}

export const MODES = [
  ["black-holed", "blackhole"],
  ["hanging", "swallow-answers"],
  ["refusing", "refuse"],
] as const;

/** Resolves when the mirror answers again and has everything. */
export async function healed({ store, proxy, name }: BrokenMirror): Promise<void> {
  await proxy.setMode("pass");
  const until = performance.now() + 30_000;
  for (;;) {
    const health = await store.health();
    const mirror = name === "Postgres" ? health.postgres : health.redis;
    if (mirror?.reachable && mirror.circuit === "closed") break;
    if (performance.now() > until) throw new Error(`${name} didn't come back: ${JSON.stringify(mirror)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await store.drain();
}
