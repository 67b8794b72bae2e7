/** A mirror that answers nothing, or nobody: what it costs the request, what it costs in memory, and the repair afterwards. */
import { startProxy } from "../../test/servers/tcp-proxy.js";
import { checkItems } from "../checks.js";
import { fillItems } from "../fill.js";
import type { Bench, Run } from "../run.js";
import { moveTo, openStage, type Stage } from "../stage.js";
import type { BrokenMirror } from "./broken-mirror.js";
import { benchLatency } from "./latency.js";
import { benchMemory } from "./memory.js";
import { benchRepair } from "./repair.js";

/** The library's default. */
const DEADLINE = 500;

export const benchMirror: Bench = async (run) => {
  await withMirror(run, "Postgres", ["latency", "memory", "repair"], async (mirror) => {
    await benchLatency(run, mirror);
    await benchMemory(run, mirror);
    await benchRepair(run, mirror);
  });
  await withMirror(run, "Redis", ["latency"], (mirror) => benchLatency(run, mirror));
};

async function withMirror(
  run: Run,
  name: BrokenMirror["name"],
  parts: readonly string[],
  work: (mirror: BrokenMirror) => Promise<void>,
): Promise<void> {
  if (!parts.some((part) => run.wants(`${name} ${part}`))) return;
  const stage: Stage = await openStage();
  const proxy = await startProxy({ targetUrl: name === "Postgres" ? stage.databaseUrl : stage.redisUrl });
  try {
    const through = name === "Postgres" ? { postgres: proxy.url } : { redis: proxy.url };
    const store = await stage.open("REDIS_PRIMARY", {
      ...through,
      deadlines: { read: 500, write: 5000, mirror: DEADLINE },
    });
    await moveTo(store, name === "Postgres" ? ["DUAL_WRITE"] : ["DUAL_WRITE", "POSTGRES_PRIMARY"]);
    await untilComplete(stage);
    await fillItems(store);
    await work({ name, store, proxy, deadline: DEADLINE });
    await store.drain();
    await checkItems(stage, 200);
  } finally {
    await proxy.setMode("pass");
    await stage.close();
    await proxy.stop();
  }
}

/** Complete for everything, or for what was copied. While Redis lacks something, it asks Postgres before it writes: an outage of the mirror would count for the authority's. */
async function untilComplete({ redis }: Stage): Promise<void> {
  const until = performance.now() + 30_000;
  while (!/^\d+ \w+ \S+ (1 -|0 [^-]\S*) /.test((await redis.get("dual-write:fence")) ?? "")) {
    if (performance.now() > until) throw new Error("Redis didn't become complete");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
