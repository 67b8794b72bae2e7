/** The operation ids of two states are joined by the scripts as one would join them one by one. */
import { expect, test } from "vitest";
import { PRELUDE } from "../../src/stores/redis/scripts/prelude.js";
import { useFixture } from "../migration/fixture.js";

const fixture = useFixture();

const LIMIT = 3;

function joined(held: readonly string[], added: readonly string[]): string {
  return [...new Set([...held, ...added])].slice(-LIMIT).join() || "-";
}

/** Each pair of lists of these ids, in this order or another, also of such as are too long. */
function* pairs(ids: readonly string[]): Generator<[string[], string[]]> {
  const lists = [[] as string[]];
  for (const list of lists)
    if (list.length <= LIMIT) for (const id of ids) if (!list.includes(id)) lists.push([...list, id]);
  for (const held of lists) for (const added of lists) yield [held, added];
}

test("whatever they have in common", async () => {
  const script = `${PRELUDE}
local results = {}
for i = 1, #ARGV, 2 do results[#results + 1] = join_operations(ARGV[i], ARGV[i + 1], ${LIMIT}) end
return results`;
  // A full list that follows another is all that is kept, also where an id came back that had been forgotten.
  const isFollowed = (held: string[], added: string[]) => {
    const overlap = held.slice(held.indexOf(added[0] as string));
    return held.includes(added[0] as string) && overlap.every((id, n) => added[n] === id);
  };
  const all = [...pairs(["a", "b", "ab", "c"])];
  const args = all.flatMap(([held, added]) => [held.join() || "-", added.join() || "-"]);
  const results: string[] = [];
  for (let at = 0; at < args.length; at += 4000)
    results.push(...((await fixture().redis.eval(script, 0, ...args.slice(at, at + 4000))) as string[]));
  const expected = all.map(([held, added]) =>
    added.length === LIMIT && isFollowed(held, added) ? added.join() : joined(held, added),
  );
  expect(results).toEqual(expected);
});

test("an id that a list hasn't got goes after all others, of which the last are kept", async () => {
  const script = `${PRELUDE}
local results = {}
for i = 1, #ARGV, 2 do results[#results + 1] = append_operation(ARGV[i], ARGV[i + 1], ${LIMIT}) end
return results`;
  const all = [...pairs(["a", "b", "ab", "c"])].filter(
    ([held, added]) => added.length === 1 && !held.includes(added[0] as string),
  );
  const args = all.flatMap(([held, added]) => [held.join() || "-", added.join()]);
  const results = await fixture().redis.eval(script, 0, ...args);
  expect(results).toEqual(all.map(([held, added]) => joined(held, added)));
});
