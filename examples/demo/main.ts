/** The demo: the weeks in which a running backend moves from Redis to Postgres, and back. */
import { bundle } from "../../test/servers/bundled.js";
import { Demo, type Holding } from "./demo.js";
import { narrateOn } from "./narrator.js";
import { Operator } from "./operator.js";
import { type DemoOptions, readOptions, USAGE } from "./options.js";
import { stopPrograms } from "./program.js";
import { reportOn, reportText, type WeekReport } from "./report.js";

interface Week {
  readonly title: string;
  readonly why: string;
  readonly happens: (demo: Demo, operator: Operator) => Promise<unknown>;
  /** What the proof asks of each store when the week is over. */
  readonly holding: Holding;
}

const weeks: readonly Week[] = [
  {
    title: "Week 1: REDIS_PRIMARY, the library moves in",
    why: "Redis decides everything, as before. Other programs go on writing its keys directly.",
    happens: async (demo, operator) => {
      await operator.prepare();
      await demo.fleet.start(demo.env("REDIS_PRIMARY"));
      demo.narrator.say(`${demo.options.pace.processes} processes of the backend serve.`);
      await demo.traffic.start();
      demo.startBypassWriter();
      await demo.live();
    },
    holding: { redis: "all", postgres: "none" },
  },
  {
    title: "Week 2: backfill",
    why: "What stood in Redis before is copied to Postgres, while traffic goes on.",
    happens: async (demo, operator) => {
      await operator.backfill();
      // Now legacy records are found by their second keys as well.
      demo.traffic.indexed = true;
      await demo.live();
    },
    holding: { redis: "all", postgres: "all but bypass" },
  },
  {
    title: "Week 3: DUAL_WRITE",
    why: "Redis still decides; a write is acknowledged when both have it.",
    happens: async (demo, operator) => {
      await operator.roll("DUAL_WRITE");
      await demo.live();
    },
    holding: { redis: "all", postgres: "all but bypass" },
  },
  {
    title: "Week 4: verify, and the last bypass writer stops",
    why: "Programs that write past the library have to be converted or stopped before Postgres decides.",
    happens: async (demo, operator) => {
      await demo.bypass?.stop();
      demo.narrator.say(`The bypass writer has stopped after ${demo.bypass?.writes} writes.`);
      await operator.verifyUntilClean();
      await operator.letGoOfOddities();
    },
    holding: { redis: "all", postgres: "all" },
  },
  {
    title: "Week 5: POSTGRES_PRIMARY",
    why: "When the last process has crossed and the gate is passed, Postgres decides; Redis stays the mirror.",
    happens: async (demo, operator) => {
      await operator.roll("POSTGRES_PRIMARY");
      await operator.untilAuthority("postgres");
      await demo.live();
    },
    holding: { redis: "all", postgres: "all" },
  },
  {
    title: "Week 6: the mirror dies",
    why: "Writes go on: the repair log remembers what Redis lacks.",
    happens: async (demo, operator) => {
      await demo.suffer(demo.redis);
      await operator.untilCaughtUp();
      await demo.live();
    },
    holding: { redis: "all", postgres: "all" },
  },
  {
    title: "Week 7: the authority dies",
    why: "Reads fall back to Redis and say so; writes wait within their deadline.",
    happens: async (demo, operator) => {
      await demo.suffer(demo.postgres);
      await operator.untilCaughtUp();
      await demo.live();
    },
    holding: { redis: "all", postgres: "all" },
  },
  {
    title: "Week 8: POSTGRES_ONLY, Redis is given up and switched off",
    why: "Nothing connects to Redis any more.",
    happens: async (demo, operator) => {
      await operator.roll("POSTGRES_ONLY");
      await operator.migrate((migration) => migration.giveUpRedis({ reason: "the demo has arrived" }));
      await operator.untilHealthy("Redis to be needed by nobody", (health) => health.redis === null);
      await demo.redis.switchOff();
      demo.narrator.say("Redis is switched off. From now on processes start without its URL.");
      await operator.roll("POSTGRES_ONLY", { redis: false });
      await demo.live();
    },
    holding: { redis: "none", postgres: "all" },
  },
  {
    title: "Week 9: the way back, a new Redis",
    why: "An empty Redis is filled from Postgres, and follows it again.",
    happens: async (demo, operator) => {
      await demo.redis.switchOnEmpty();
      await operator.migrate((migration) => migration.takeRedisBack({ reason: "the demo goes all the way back" }));
      demo.narrator.say("Redis is taken back: what Postgres holds was copied to it.");
      await operator.roll("POSTGRES_PRIMARY");
      await operator.untilAuthority("postgres");
      await demo.live();
    },
    holding: { redis: "all", postgres: "all" },
  },
  {
    title: "Week 10: back to DUAL_WRITE",
    why: "When the last process has crossed, Redis decides again.",
    happens: async (demo, operator) => {
      await operator.roll("DUAL_WRITE");
      await operator.untilAuthority("redis");
      await demo.live();
    },
    holding: { redis: "all", postgres: "all" },
  },
  {
    title: "Week 11: back to REDIS_PRIMARY",
    why: "As at the beginning, with nothing lost.",
    happens: async (demo, operator) => {
      await operator.roll("REDIS_PRIMARY");
      await demo.live();
      await demo.traffic.stop();
      demo.narrator.say("The traffic has stopped.");
    },
    holding: { redis: "all", postgres: "all" },
  },
];

async function tell(demo: Demo, reports: WeekReport[]): Promise<void> {
  const { counts } = demo.desk;
  const operator = new Operator(demo);
  await demo.bringUp();
  demo.narrator.watch(() => `${counts.served} served, ${counts.refused} refused, ${counts.fallbacks} fallbacks`);
  for (const { title, why, happens, holding } of weeks) {
    const [began, served, refused] = [performance.now(), counts.served, counts.refused];
    demo.findings.week = title;
    demo.narrator.week(title, why);
    await happens(demo, operator);
    const proofs = await demo.prove(holding);
    demo.checkThatAllLive();
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    reports.push({ title, seconds, served: counts.served - served, refused: counts.refused - refused, proofs });
    demo.narrator.say(`${counts.served - served} requests served, ${counts.refused - refused} refused.`);
  }
}

async function run(options: DemoOptions): Promise<number> {
  const narrator = narrateOn(options.json ? process.stderr : process.stdout);
  const demo = new Demo(options, narrator, await bundle("examples/demo", ["backend", "bypass-writer"]));
  const reports: WeekReport[] = [];
  let leaving = false;
  const leave = (signal: NodeJS.Signals) => {
    leaving = true;
    narrator.end();
    narrator.say(`${signal}: stopping everything.`);
    void Promise.allSettled([demo.stop(), stopPrograms()]).then(() => process.exit(130));
  };
  process.once("SIGINT", leave);
  process.once("SIGTERM", leave);
  let failure: Error | undefined;
  try {
    await tell(demo, reports);
  } catch (error) {
    failure = error as Error;
  }
  // What breaks now breaks because all is being stopped.
  if (leaving) await new Promise(() => {});
  narrator.end();
  const report = reportOn(demo, reports, failure);
  await demo.stop();
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  narrator.end();
  (options.json ? process.stderr : process.stdout).write(`${reportText(report)}\n`);
  return report.ok ? 0 : 1;
}

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options) process.exitCode = await run(options);
  else console.log(USAGE);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
