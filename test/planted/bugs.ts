/** Bugs to plant, as replacements in the source: each breaks one sentence of the protocol. Store steps are broken in the in-memory stores. */

export interface PlantedBug {
  readonly name: string;
  readonly changes: readonly { readonly file: string; readonly search: string; readonly replace: string }[];
}

const bug = (name: string, file: string, search: string, replace: string): PlantedBug => ({
  name,
  changes: [{ file, search, replace }],
});

export const PLANTED_BUGS: readonly PlantedBug[] = [
  bug(
    "the mirror Postgres ignores stamps",
    "test/memory/postgres-records.ts",
    "if (row && !isNewer(state.stamp, row.stamp)) {",
    "if (row && row.stamp === state.stamp) {",
  ),
  bug(
    "the mirror Redis ignores stamps",
    "test/memory/redis-put-back.ts",
    "return state.stamp > s.stamp || (",
    "return state.stamp !== s.stamp || (",
  ),
  bug(
    "a tombstone is dropped on its way to the mirror",
    "src/engine/refetch.ts",
    "return held.stamp > 0 ? { stamp: held.stamp, bytes: null, expiresAt: null, operations: held.operations } : null;",
    "return null;",
  ),
  bug(
    "the stamp is of the clock alone, not above the one held",
    "src/stores/state.ts",
    "const base = Math.max(micros, held + 1);",
    "const base = micros;",
  ),
  bug(
    "Redis keeps no log entry of a write",
    "test/memory/redis-records.ts",
    "    this.put(write.id, state);\n    this.log(write.id, state.stamp);",
    "    this.put(write.id, state);",
  ),
  bug(
    "a log entry is removed without comparing",
    "test/memory/control.ts",
    "held === undefined || held > stamp",
    "held === undefined",
  ),
  bug(
    "a mirror that fails counts as told",
    "src/engine/mirror.ts",
    "    fail(describe(error));",
    "    context.clearer.add(authority, collection, messages.map(({ id, state }) => ({ id, stamp: state.stamp })));",
  ),
  bug(
    "a miss in an incomplete store is believed",
    "src/engine/record-reader.ts",
    "  if (fence.complete) return true;\n",
    '  if (fence.complete || held.kind === "absent") return true;\n',
  ),
  bug(
    "an uncompared state in an incomplete Redis is written over",
    "test/memory/redis-records.ts",
    'if (!this.isCompared(s) && !write.compared) return { kind: "suspect" };',
    "",
  ),
  bug(
    "a counter is mirrored by adding",
    "src/stores/state.ts",
    "redisPart: Math.max(a.redisPart, b.redisPart),",
    "redisPart: a.redisPart + b.redisPart,",
  ),
  bug(
    "a counter has no generation",
    "src/stores/state.ts",
    "if (a.generation !== b.generation) return a.generation > b.generation ? a : b;",
    "",
  ),
  bug(
    "a repeated increment counts again",
    "test/memory/redis-counters.ts",
    "if (s.known && held.includes(add.operationId))",
    "if (false)",
  ),
  bug(
    "a repeated operation is applied again by Postgres",
    "test/memory/postgres-records.ts",
    "if (row?.operations.includes(write.operationId))",
    "if (false)",
  ),
  bug(
    "operation ids don't travel to the mirror",
    "src/engine/record-writer.ts",
    "state: one.state }",
    "state: { ...one.state, operations: [] } }",
  ),
  bug(
    "a handover doesn't drain",
    "src/strategy/handover.ts",
    "for (const collection of context.collections) {\n    const empty",
    "for (const collection of [] as typeof context.collections) {\n    const empty",
  ),
  bug(
    "a handover doesn't close the old authority",
    "src/strategy/handover.ts",
    "if (!(await old.attempt((store) => store.closeFence(term), CONTROL_MS))) {",
    "if (false) {",
  ),
  bug(
    "the fence isn't checked on reads",
    "src/engine/authority-read.ts",
    'if (reply.fence?.role === "authority") return { store, fence: reply.fence, reply };',
    "if (reply.fence) return { store, fence: reply.fence, reply };",
  ),
  bug(
    "a write step doesn't check the term",
    "test/memory/memory-store.ts",
    'fence.term !== term || fence.role !== "authority"',
    'fence.role === "closed"',
  ),
  bug(
    "a mirror takes states of an earlier term",
    "test/memory/memory-store.ts",
    "if (!fence || term < fence.term)",
    "if (!fence)",
  ),
  bug(
    "expiry doesn't travel",
    "src/engine/refetch.ts",
    "return { stamp: held.stamp, bytes: held.bytes, expiresAt: held.expiresAt, operations: held.operations };",
    "return { stamp: held.stamp, bytes: held.bytes, expiresAt: null, operations: held.operations };",
  ),
  bug(
    "a bypass writer's change is overwritten instead of adopted",
    "test/memory/redis-records.ts",
    "return expected.bytes === null ? s.value === null : (s.value?.equals(expected.bytes) ?? false);",
    "return true;",
  ),
  bug(
    "backfill brings a bare value as if it were stamped",
    "src/engine/refetch.ts",
    "return { stamp: held.stamp, bytes: held.bytes,",
    "return { stamp: held.stamp || Date.now() * 1000, bytes: held.bytes,",
  ),
  bug(
    "after a memory loss the term stays",
    "src/strategy/recovery.ts",
    "const term = await context.postgres.attempt((store) => store.raiseTerm(postgres.term), CONTROL_MS);",
    "const term = postgres.term as number | null;",
  ),
  bug(
    "a Redis that lost its memory calls itself complete",
    "src/strategy/recovery.ts",
    'complete: false,\n        bareTrusted: lost === "all",',
    'complete: true,\n        bareTrusted: lost === "all",',
  ),
  bug(
    "a delete of what isn't there leaves no tombstone",
    "test/memory/redis-records.ts",
    "    this.put(write.id, state);\n    this.log(write.id, state.stamp);",
    '    if (write.bytes === null && s.value === null) return { kind: "written", state };\n    this.put(write.id, state);\n    this.log(write.id, state.stamp);',
  ),
  bug(
    "an update doesn't compare",
    "src/engine/record-writer.ts",
    'expected: { stamp: held.kind === "absent" ? 0 : held.stamp, bytes: before },',
    "",
  ),
];
