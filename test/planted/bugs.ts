/** All bugs to plant. A table of contents. */
import { COUNTER_BUGS } from "./bugs/counters.js";
import { FLEET_BUGS } from "./bugs/fleet.js";
import { LEGACY_VALUE_BUGS } from "./bugs/legacy-values.js";
import { OPERATION_BUGS } from "./bugs/operations.js";
import { RECORD_BUGS } from "./bugs/records.js";
import { SURROUNDING_BUGS } from "./bugs/surroundings.js";

export const PLANTED_BUGS = [
  ...RECORD_BUGS,
  ...LEGACY_VALUE_BUGS,
  ...OPERATION_BUGS,
  ...COUNTER_BUGS,
  ...FLEET_BUGS,
  ...SURROUNDING_BUGS,
];
