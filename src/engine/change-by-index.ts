/** Changes a record that is known by a second key: looked up and changed as one operation. */
import type { RecordCollection } from "../stores/collection.js";
import type { Operation } from "../stores/operation.js";
import { outrun, untilAuthorityAnswers } from "./authority-wait.js";
import type { EngineContext } from "./context.js";
import { findByIndex, indexOf } from "./index-lookup.js";
import { type Change, type Changed, changeRecord } from "./record-writer.js";

/** What became of the record, and which one it was. */
export interface ChangedByIndex extends Changed {
  readonly id: string;
}

/**
 * Null: there is none. The lookup waits for the authority as the write does; a record that another change gave another key in
 * between is looked up again, so nothing is changed under a key that it doesn't have.
 * @throws ConflictError when the keys keep changing until the deadline
 */
export async function changeByIndex(
  context: EngineContext,
  collection: RecordCollection,
  index: string,
  value: string,
  operation: Operation,
  change: (id: string, present: Buffer) => Change,
): Promise<ChangedByIndex | null> {
  const definition = indexOf(collection, index);
  for (;;) {
    const found = await untilAuthorityAnswers(collection.name, operation, () =>
      findByIndex(context, collection, index, value, operation, "authority"),
    );
    if (!found) return null;
    const { id } = found;
    let isIt = true;
    const changed = await changeRecord(context, collection, id, operation, (present) => {
      isIt = present !== null && definition.valueOf(id, present) === value;
      return isIt && present ? change(id, present) : "leave";
    });
    if (isIt) return { ...changed, id };
    operation.outrun = true;
    if (operation.expired) throw outrun(collection.name, operation);
  }
}
