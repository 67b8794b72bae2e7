/** The collection of usage log lines. */
import { defineRecords, type RecordsDefinition } from "../engine/define-records.js";
import { escapeGlob, restOfKey } from "../engine/key-pattern.js";
import { usageLog } from "../schema/usage-log.js";
import { type LegacyObject, objectSchema } from "./legacy-object.js";
import { pythonJson } from "./python-json.js";
import { momentColumn, textColumn } from "./typed-columns.js";

/** What a legacy log line holds. */
export interface LegacyUsageLine extends LegacyObject {
  readonly timestamp?: unknown;
  readonly client_ip?: unknown;
  readonly email?: unknown;
}

/** `{ip}:{unix seconds}`, read from the end: the address may hold colons. */
const ID = /^(.+):(\d{1,12}(?:\.\d+)?)$/s;

/** Defines the collection `usage_log`. Ids are `{ip}:{unix seconds, fractional}`; values are the legacy lines. */
export function usageLogCollection({ zone }: { readonly zone: string }): RecordsDefinition<LegacyUsageLine> {
  return defineRecords<LegacyUsageLine>({
    name: "usage_log",
    priority: "high",
    redis: {
      key: (id, { prefix }) => `${prefix}usage:log:${id}`,
      parse: (key, { prefix }) => {
        const id = restOfKey(key, prefix, "usage:log:");
        return id !== null && ID.test(id) ? id : null;
      },
      pattern: ({ prefix }) => `${escapeGlob(prefix)}usage:log:*`,
      examples: ["{192.0.2.1:1780000000.5}"],
      codec: pythonJson(),
    },
    postgres: { table: usageLog, columns: (value, id) => columns(value, id, zone) },
    schema: objectSchema<LegacyUsageLine>(),
  });
}

function columns(value: LegacyUsageLine, id: string, zone: string): Record<string, unknown> {
  return {
    loggedAt: momentColumn(value.timestamp, zone) ?? secondsToMoment(value.timestamp) ?? momentOfId(id),
    ip: textColumn(value.client_ip),
    email: textColumn(value.email),
    date: textColumn(value.date),
    month: textColumn(value.month),
  };
}

function momentOfId(id: string): Date | null {
  const seconds = ID.exec(id)?.[2];
  return seconds === undefined ? null : secondsToMoment(Number(seconds));
}

/** Until the year 9999, whose end is the last moment that the column's text form has. */
function secondsToMoment(seconds: unknown): Date | null {
  return typeof seconds === "number" && seconds >= 0 && seconds < 253_402_300_800
    ? new Date(Math.floor(seconds * 1000))
    : null;
}
