/** The migration's programs beside the fleet: the real backfill and verify, each run a process of its own that may be killed. */
import { EventHub } from "../../src/engine/events.js";
import { TermView } from "../../src/engine/term-view.js";
import {
  AuthorityUnavailableError,
  ConfigurationError,
  ConflictError,
  FencedError,
  GateRefusedError,
  StrategyError,
} from "../../src/errors.js";
import { type BackfillReport, backfill } from "../../src/migration/backfill/backfill.js";
import type { MigrationContext } from "../../src/migration/migration-context.js";
import { sweep } from "../../src/migration/upkeep/sweep.js";
import { type VerifyReport, verify } from "../../src/migration/verify/verify.js";
import { Guard } from "../../src/stores/guard.js";
import type { PostgresSide, RedisSide } from "../../src/stores/sides.js";
import { isTransient } from "../../src/stores/transient-errors.js";
import { giveUpRedis, takeRedisBack } from "../../src/strategy/give-up.js";
import { retrySetAside } from "../../src/strategy/set-aside.js";
import { collections } from "./collections.js";
import type { Ground } from "./ground.js";
import type { Lines } from "./lines.js";
import type { Scene } from "./scene.js";

/** How long a run waits for a store that is away. Milliseconds. */
const PATIENCE_MS = 8000;

export interface RunLimits {
  /** Keys of a page. */
  readonly pageSize: number;
  /** The run ends after this, in one of two ways. Milliseconds. @default never */
  readonly endsAfterMs?: number;
  /** `kill`: nothing of it happens any more. `stop`: it is asked to end after the page under way. */
  readonly end?: "kill" | "stop";
}

export class MigrationProcess {
  #killed: () => void = () => {};

  constructor(
    readonly scene: Scene,
    readonly ground: Ground,
    readonly name: string,
  ) {}

  async #connect(lines: Lines): Promise<MigrationContext> {
    const redis = new Guard<RedisSide>(await lines.redis());
    const postgres = new Guard<PostgresSide>(lines.postgres);
    return {
      processId: this.name,
      redis,
      postgres,
      collections,
      term: new TermView(
        () => redis,
        postgres,
        () => {},
        () => collections,
      ),
      evidence: lines.evidence,
      events: new EventHub(),
      prefix: "",
      zone: "UTC",
      // The in-memory stores have what the migration uses of the real ones.
    } as unknown as MigrationContext;
  }

  /** Null: it was killed, or gave up. */
  backfill(limits: RunLimits): Promise<BackfillReport | null> {
    return this.#run("backfill", limits, async (context, options) => {
      // Redis may be another since an earlier run was killed: that is told, and then asked for.
      const report = await backfill(context, options).catch((error: unknown) => {
        if (!(error instanceof ConfigurationError)) throw error;
        this.scene.cover("backfill-restarted");
        return backfill(context, { ...options, restart: true });
      });
      this.scene.cover(`backfill-${report.state}`);
      if (report.resumed) this.scene.cover("backfill-resumed");
      if (report.deletes > 0) this.scene.cover("backfill-deletes");
      if (!report.addsUp)
        this.scene.violate("every key ends in one count", `${this.name}: ${JSON.stringify(report.counts)}`);
      return report;
    });
  }

  verify(limits: RunLimits, repair: boolean): Promise<VerifyReport | null> {
    return this.#run("verify", limits, async (context, options) => {
      const report = await verify(context, { ...options, repair });
      this.scene.cover(report.clean ? "verify-clean" : "verify-differs");
      if (!report.clean && this.scene.pure)
        this.scene.violate("no difference is told where none is", JSON.stringify(report.collections));
      if (report.repaired > 0) this.scene.cover(`verify-repaired-for-${report.authority}`);
      return report;
    });
  }

  /** What was set aside is sent again. */
  async retry(): Promise<void> {
    await this.#run("retrying", {}, async (context) => {
      for (const collection of collections) {
        const rejects = await context.evidence.pageRejects(collection.name, 0, 100);
        const ids = rejects.flatMap(({ key, source }) => (source === "repair" ? [] : (collection.parseKey(key) ?? [])));
        if (ids.length === 0) continue;
        for (const { outcome } of await retrySetAside(context, collection, ids)) this.scene.cover(`retried-${outcome}`);
      }
    });
  }

  /** All that has been dead for the whole retention. */
  async sweep(): Promise<void> {
    await this.#run("sweeping", { pageSize: 2 }, async (context, options) => {
      const { begun, removed } = await sweep(context, options);
      if (begun > 0) this.scene.cover("sweep-begun");
      if (removed > 0) this.scene.cover("swept");
    });
  }

  /** False: the gate refused, or the run gave up. */
  async giveUp(): Promise<boolean> {
    const done = await this.#run("giving Redis up", {}, async (context) => {
      await giveUpRedis(context, "explored");
      this.scene.cover("gave-redis-up");
      return true;
    });
    if (!done) this.scene.cover("give-up-refused");
    return done ?? false;
  }

  /** From an emptied Redis. */
  async takeBack(): Promise<void> {
    await this.#run("taking Redis back", {}, async (context, { signal }) => {
      await takeRedisBack(context, "explored", { signal });
      this.scene.cover("took-redis-back");
    });
  }

  async #run<T>(
    what: string,
    { pageSize = 1, endsAfterMs, end }: Partial<RunLimits>,
    work: (
      context: MigrationContext,
      options: { pageSize: number; patienceMs: number; signal: AbortSignal },
    ) => Promise<T>,
  ): Promise<T | null> {
    this.scene.note(this.name, `begins ${what}${endsAfterMs === undefined ? "" : `, ${end} after ${endsAfterMs} ms`}`);
    const lines = await this.ground.lines(this.name);
    const context = await this.#connect(lines);
    const stop = new AbortController();
    const killed = new Promise<null>((resolve) => {
      this.#killed = () => resolve(null);
    });
    const endIt = () => {
      this.scene.cover(`${what}-${end}`);
      if (end === "kill") this.#kill(lines);
      else stop.abort(new Error("stopped"));
    };
    const timer = endsAfterMs === undefined ? undefined : setTimeout(endIt, endsAfterMs);
    try {
      const running = work(context, { pageSize, patienceMs: PATIENCE_MS, signal: stop.signal });
      running.catch(() => {}); // A killed process's end comes to nobody.
      const report = await Promise.race([running, killed]);
      // A run's id is another one each time.
      this.scene.note(this.name, () => `ends ${what}: ${JSON.stringify({ ...report, runId: undefined })}`);
      return report;
    } catch (error) {
      if (!stop.signal.aborted && !isRefusal(error)) throw error;
      this.scene.note(this.name, () => `gives ${what} up: ${(error as Error).message}`);
      return null;
    } finally {
      clearTimeout(timer);
      context.redis?.stop();
      context.postgres.stop();
      lines.close();
    }
  }

  /** Nothing of it happens any more, and its answers come to nobody. */
  #kill(lines: Lines): void {
    lines.kill();
    this.scene.note(this.name, "is killed");
    this.#killed();
  }
}

/** What a run may end with while a store is away or the authority isn't where it has to be. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof AuthorityUnavailableError ||
    error instanceof StrategyError ||
    error instanceof GateRefusedError ||
    error instanceof FencedError ||
    error instanceof ConflictError ||
    isTransient(error)
  );
}
