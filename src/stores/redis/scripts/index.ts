/** Every script by the name under which the connection loads it. */
import { ADD_TO_COUNTERS } from "./add-to-counters.js";
import { APPLY_COUNTERS } from "./apply-counters.js";
import { APPLY_RECORDS } from "./apply-records.js";
import {
  CLAIM_MEMORY,
  CLAIM_TASK,
  CLEAR_LOG,
  CLOSE_FENCE,
  CREATE_FENCE,
  OPEN_FENCE,
  RAISE_FENCE,
  SET_COMPLETE,
} from "./control.js";
import { INSPECT_COUNTERS } from "./inspect-counters.js";
import { INSPECT_RECORDS } from "./inspect-records.js";
import { WRITE_RECORDS } from "./write-records.js";

export const scripts = {
  dwWriteRecords: WRITE_RECORDS,
  dwApplyRecords: APPLY_RECORDS,
  dwInspectRecords: INSPECT_RECORDS,
  dwAddToCounters: ADD_TO_COUNTERS,
  dwApplyCounters: APPLY_COUNTERS,
  dwInspectCounters: INSPECT_COUNTERS,
  dwClearLog: CLEAR_LOG,
  dwCreateFence: CREATE_FENCE,
  dwCloseFence: CLOSE_FENCE,
  dwOpenFence: OPEN_FENCE,
  dwRaiseFence: RAISE_FENCE,
  dwSetComplete: SET_COMPLETE,
  dwClaimMemory: CLAIM_MEMORY,
  dwClaimTask: CLAIM_TASK,
} as const;

export type ScriptName = keyof typeof scripts;
