/** The operations under way: each frees its place, the bound refuses, and closing waits for all of them. */
import { describe, expect, test } from "vitest";
import { InFlight } from "../../src/engine/in-flight.js";
import { AuthorityUnavailableError, OverloadedError } from "../../src/errors.js";
import { onVirtualTime } from "./engine-fixture.js";

onVirtualTime();

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const run = (inFlight: InFlight, work: () => Promise<unknown>) => inFlight.run(undefined, 1000, work);

test("an operation frees its place, however it ends", async () => {
  const inFlight = new InFlight(1);
  expect(await run(inFlight, async () => inFlight.size)).toBe(1);
  await expect(run(inFlight, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(inFlight.size).toBe(0);
  expect(await run(inFlight, async () => "again")).toBe("again");
});

test.each([
  [undefined, undefined],
  [{}, undefined],
  [{ operationId: "third" }, "third"],
])("one too many is refused at once, with the operation id that was given: %o", async (options, id) => {
  const inFlight = new InFlight(0);
  const refused = inFlight.run(options, 1000, async () => {});
  await expect(refused).rejects.toBeInstanceOf(OverloadedError);
  await expect(refused).rejects.toHaveProperty("operationId", id);
});

describe("closing", () => {
  test("is done at once where nothing runs, and refuses what comes later", async () => {
    const inFlight = new InFlight(10);
    await inFlight.close();
    await expect(run(inFlight, async () => {})).rejects.toBeInstanceOf(AuthorityUnavailableError);
  });

  test("waits for the last of all, whoever asks, and lets nothing begin meanwhile", async () => {
    const inFlight = new InFlight(10);
    const ended: string[] = [];
    const works = [run(inFlight, () => pause(100)), run(inFlight, () => pause(200).then(() => ended.push("last")))];
    const closed = [inFlight.close(), inFlight.close()].map((one) => one.then(() => ended.push("closed")));
    await pause(150);
    expect(ended).toEqual([]);
    await expect(run(inFlight, async () => {})).rejects.toBeInstanceOf(AuthorityUnavailableError);
    await Promise.race([Promise.all(closed), pause(1000)]);
    expect(ended).toEqual(["last", "closed", "closed"]);
    await Promise.all(works);
  });
});
