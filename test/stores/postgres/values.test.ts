/** Many values travel as one text, and each arrives as it was: whatever its bytes, none, or empty. */
import { expect, test } from "vitest";
import { valueParameters, valueSql } from "../../../src/stores/postgres/statements/values.js";
import { useStore } from "./store-fixture.js";

const fixture = useStore();

const read = async (values: readonly (Buffer | null)[]) => {
  const rows = await fixture()
    .sql.unsafe(
      `SELECT ${valueSql("$3", "i")} FROM unnest($1::text::int[], $2::text::int[]) WITH ORDINALITY i(start, length, n) ORDER BY n`,
      valueParameters(values),
    )
    .values();
  return rows.map(([value]) => value as Buffer | null);
};

test("beside each other", async () => {
  const odd = Buffer.from([0, 0xff, 0x5c, 0x22, 0xc3, 0x28, 10]);
  const values = [Buffer.from("{}"), null, Buffer.alloc(0), odd, null, Buffer.from("é\\u0000".repeat(5000)), odd];
  expect(await read(values)).toEqual(values);
});

test("of which none stands", async () => {
  expect(await read([null, null])).toEqual([null, null]);
  expect(await read([Buffer.alloc(0)])).toEqual([Buffer.alloc(0)]);
});
