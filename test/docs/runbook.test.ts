/** The runbook, followed literally: every shell block in it, in its order, on real servers, with a fleet under traffic. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allCommands } from "../cli/all-commands.js";
import { readHeadings, readSteps } from "./runbook-steps.js";
import { SIGN_UPS, World } from "./runbook-world.js";

let world: World;

beforeAll(async () => {
  world = await World.begin();
});
afterAll(() => world?.end());

const fence = async () =>
  (
    await world.query<{ role: string; redis_given_up: boolean }>("SELECT role, redis_given_up FROM dual_write_fence")
  )[0];
const strategies = async () =>
  (
    await world.query<{ strategy: string }>("SELECT DISTINCT strategy FROM dual_write_leases WHERE expires_at > now()")
  ).map(({ strategy }) => strategy);
const signUps = async () =>
  Number(
    (await world.query<{ count: string }>("SELECT count(*) FROM users WHERE sync_original IS NOT NULL"))[0]?.count,
  );

/** What holds after a section was followed, besides what its commands say. */
const OUTCOMES: Readonly<Record<string, () => Promise<void>>> = {
  "Deploy with REDIS_PRIMARY": async () => expect(await strategies()).toEqual(["REDIS_PRIMARY"]),
  backfill: async () => expect(await signUps()).toBe(SIGN_UPS),
  "Flip to DUAL_WRITE": async () => {
    expect(await strategies()).toEqual(["DUAL_WRITE"]);
    expect(await fence()).toMatchObject({ role: "mirror" });
  },
  flip: async () => {
    expect(await strategies()).toEqual(["POSTGRES_PRIMARY"]);
    expect(await fence()).toMatchObject({ role: "authority" });
  },
  rollback: async () => expect(await fence()).toMatchObject({ role: "authority" }),
  "Week 5: Redis off the path": async () => expect(await strategies()).toEqual(["POSTGRES_ONLY"]),
  "phase-out": async () => {
    expect(await fence()).toMatchObject({ role: "authority", redis_given_up: true });
    expect(await world.withRedis((redis) => redis.keys("dual-write:*"))).toEqual([]);
  },
  "Back from the end": async () => {
    expect(await strategies()).toEqual(["POSTGRES_PRIMARY"]);
    expect(await fence()).toMatchObject({ role: "authority", redis_given_up: false });
    expect(await world.withRedis((redis) => redis.get("threadr:email:person7@example.org"))).toMatch(/"landing"/);
  },
};

const DEEDS: Readonly<Record<string, () => Promise<void>>> = { deploy: () => world.deploy() };

describe("the runbook", () => {
  const steps = readSteps();

  for (const [i, step] of steps.entries()) {
    const isLast = steps[i + 1]?.heading !== step.heading;
    const what = step.kind === "shell" ? step.code.split("\n").join("; ") : step.name;
    test(`${step.heading}, line ${step.line}: ${what}`, async () => {
      if (step.kind === "deed") await DEEDS[step.name]?.();
      else {
        // An hour of looking on would tell this test nothing more.
        const { code, output } = await world.run(step.code.replace(/--observe \d+/, "--observe 1"));
        expect(step.exits, output).toContain(code);
      }
      if (isLast) await OUTCOMES[step.heading]?.();
    }, 120_000);
  }

  test("served every use from the first day to the last, and counted each once", async () => {
    await world.endTraffic();
    expect(world.refused).toEqual([]);
    expect(world.acknowledged).toBeGreaterThan(0);
    expect(await world.used()).toBe(world.acknowledged + 1);
  });

  test("has a section for each command, names none that isn't there, and asks of the reader only what the test does too", () => {
    const names = allCommands().map(({ name }) => name.split(" ")[0] as string);
    expect(readHeadings()).toEqual(expect.arrayContaining([...new Set(names)].filter((name) => name !== "restore")));
    const asked = steps.flatMap((step) =>
      step.kind === "shell" ? [...step.code.matchAll(/^dual-write (\w[\w-]*)/gm)] : [],
    );
    expect(asked.map(([, name]) => name).filter((name) => !names.includes(name as string))).toEqual([]);
    expect(steps.flatMap((step) => (step.kind === "deed" && !(step.name in DEEDS) ? [step.name] : []))).toEqual([]);
    expect(Object.keys(OUTCOMES).filter((heading) => !steps.some((step) => step.heading === heading))).toEqual([]);
  });
});
