/** Invariants that fail at present for a reason that is known and being worked on. Empty is the goal. */
export const OPEN_FINDINGS: readonly string[] = [
  // A bypass writer's counts that no one adopted before a handover stay in Redis beside Postgres's lower sum.
  "what a handover drops is overwritten",
];

/**
 * Schedules that fail at present and wait to be understood; every other one must hold. 396: a record that expired by Redis's clock is
 * told to Postgres as a delete while Postgres's clock, which is behind, would still serve it.
 */
export const OPEN_SEEDS: readonly number[] = [396];
