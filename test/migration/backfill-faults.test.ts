/** The backfill over a network that breaks: it waits, repeats, and ends as if nothing had happened. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { type BothStores, closeContext, withRedis } from "../../src/migration/migration-context.js";
import { openContext } from "../../src/migration/open-context.js";
import { verify } from "../../src/migration/verify/verify.js";
import { type ProxyMode, startProxy, type TcpProxy } from "../servers/tcp-proxy.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const PEOPLE = 120;
const FAULT_MS = 400;

let proxies: { redis: TcpProxy; postgres: TcpProxy };
let context: BothStores;

beforeEach(async () => {
  const { urls } = fixture();
  proxies = {
    redis: await startProxy({ targetUrl: urls.redis }),
    postgres: await startProxy({ targetUrl: urls.postgres }),
  };
  context = withRedis(await openContext({ redis: proxies.redis.url, postgres: proxies.postgres.url }));
});

afterEach(async () => {
  await closeContext(context);
  await Promise.all([proxies.redis.stop(), proxies.postgres.stop()]);
});

const FAULTS: readonly [keyof typeof proxies, ProxyMode][] = [
  ["redis", "refuse"],
  ["redis", "swallow-answers"],
  ["redis", "drop-requests"],
  ["postgres", "refuse"],
  ["postgres", "swallow-answers"],
  ["postgres", "drop-requests"],
];

test.each(FAULTS)(
  "%s: %s",
  async (store, mode) => {
    const { redis } = fixture();
    const pipeline = redis.pipeline();
    for (let n = 0; n < PEOPLE; n++) {
      pipeline.set(`threadr:email:person${n}@example.org`, signUp({ n }));
      pipeline.set(`threadr:email:Person${n}@Example.org`, signUp({ n, source: "variant" }));
      pipeline.set(`threadr:usage:email:person${n}@example.org:daily:2026-11-20`, "10");
      pipeline.set(`threadr:usage:email:Person${n}@Example.org:daily:2026-11-20`, String(n + 1));
    }
    // The merges write to this set, so that it is a key of its own from the beginning.
    pipeline.sadd("threadr:emails:list", "person0@example.org");
    await pipeline.exec();
    let faults = 0;
    const report = await backfill(context, {
      pageSize: 50,
      onProgress: ({ seen }) => {
        if (seen < (faults + 1) * 100 || faults === 3) return;
        faults++;
        const proxy = proxies[store];
        void proxy.setMode(mode).then(() => {
          // A connection that hangs is met again and again by pages that wait for it.
          setTimeout(() => void proxy.setMode("pass").then(() => proxy.cutAll()), FAULT_MS);
        });
      },
    });
    expect(faults).toBe(3);
    expect(report).toMatchObject({ state: "finished", addsUp: true, counts: { seen: 4 * PEOPLE + 1, setAside: 0 } });
    for (let n = 0; n < PEOPLE; n += 7) {
      expect(await redis.get(`threadr:usage:email:person${n}@example.org:daily:2026-11-20`)).toBe(String(n + 11));
      expect(await fixture().sum(`email:person${n}@example.org:daily:2026-11-20`)).toBe(n + 11);
    }
    expect(await verify(fixture().context)).toMatchObject({ clean: true });
  },
  120_000,
);
