/** What a caller is told of a step that the authority refuses for good, after attempts that it didn't answer. */
import { expect, test } from "vitest";
import { writeRecords } from "../../src/engine/record-writer.js";
import { OutcomeUnknownError, ValidationError } from "../../src/errors.js";
import type { Operation } from "../../src/stores/operation.js";
import { item, items } from "../contract/contract-collections.js";
import { away, cutOff, EngineFixture, fail, onVirtualTime, operation, write } from "./engine-fixture.js";

onVirtualTime();

/** Postgres reigns, with a constraint against what is written. */
async function refusing(): Promise<EngineFixture> {
  const engine = await new EngineFixture().reign("postgres");
  engine.servers.postgres.refuses = () => "a constraint";
  return engine;
}

function put(engine: EngineFixture, op: Operation): Promise<unknown> {
  const one = write("a", { bytes: item("red"), operationId: op.id });
  return writeRecords(engine.context, items, [one], op).catch((error: unknown) => error);
}

test("a refusal doesn't deny what an earlier attempt, whose answer was lost, may do yet", async () => {
  const engine = await refusing();
  engine.before("postgres.writeRecords", fail(cutOff()));
  const op = operation();
  const error = await put(engine, op);
  expect(error).toBeInstanceOf(OutcomeUnknownError);
  expect(error).toMatchObject({ operationId: op.id, cause: expect.any(ValidationError) });
});

test("nor what an earlier attempt did in a store whose reign ended then", async () => {
  const engine = await refusing();
  engine.move("redis", 1);
  engine.before("postgres.applyRecords", () => engine.move("postgres", 2));
  expect(await put(engine, operation())).toBeInstanceOf(OutcomeUnknownError);
});

test("it stands where an earlier attempt certainly did nothing, or was heard to its end", async () => {
  const engine = await refusing();
  engine.before("postgres.writeRecords", fail(away()));
  expect(await put(engine, operation())).toBeInstanceOf(ValidationError);
  const op = operation();
  op.unheard = true;
  expect(await put(engine, op)).toBeInstanceOf(ValidationError);
});
