/** Every script by its name, with the digest under which a server keeps it. */
import { createHash } from "node:crypto";
import { ADD_TO_COUNTERS } from "./add-to-counters.js";
import { APPLY_COUNTERS } from "./apply-counters.js";
import { APPLY_RECORDS } from "./apply-records.js";
import {
  CLAIM_MEMORY,
  CLAIM_TASK,
  CLEAR_LOG,
  CLOSE_FENCE,
  CREATE_FENCE,
  FORGET_OVERFLOW,
  OPEN_FENCE,
  RAISE_FENCE,
  RENEW_TASK,
  SET_COMPLETE,
} from "./control.js";
import { INDEX_RECORDS } from "./index-records.js";
import { INSPECT_COUNTERS } from "./inspect-counters.js";
import { INSPECT_RECORDS } from "./inspect-records.js";
import { LOOK_AT_MANY } from "./look-at-many.js";
import { WRITE_RECORDS } from "./write-records.js";

const texts = {
  dwWriteRecords: WRITE_RECORDS,
  dwApplyRecords: APPLY_RECORDS,
  dwInspectRecords: INSPECT_RECORDS,
  dwAddToCounters: ADD_TO_COUNTERS,
  dwApplyCounters: APPLY_COUNTERS,
  dwInspectCounters: INSPECT_COUNTERS,
  dwLookAtMany: LOOK_AT_MANY,
  dwIndex: INDEX_RECORDS,
  dwClearLog: CLEAR_LOG,
  dwForgetOverflow: FORGET_OVERFLOW,
  dwCreateFence: CREATE_FENCE,
  dwCloseFence: CLOSE_FENCE,
  dwOpenFence: OPEN_FENCE,
  dwRaiseFence: RAISE_FENCE,
  dwSetComplete: SET_COMPLETE,
  dwClaimMemory: CLAIM_MEMORY,
  dwClaimTask: CLAIM_TASK,
  dwRenewTask: RENEW_TASK,
} as const;

export type ScriptName = keyof typeof texts;

export interface Script {
  readonly text: string;
  readonly digest: string;
}

export const scripts = Object.fromEntries(
  Object.entries(texts).map(([name, text]) => [name, { text, digest: createHash("sha1").update(text).digest("hex") }]),
) as Readonly<Record<ScriptName, Script>>;
