/** The collection of sessions. */
import { defineRecords, type RecordsDefinition } from "../engine/define-records.js";
import { userSessions } from "../schema/user-sessions.js";
import { type LegacyObject, objectSchema } from "./legacy-object.js";
import { pythonJson } from "./python-json.js";
import { booleanColumn, identifier, momentColumn, textColumn } from "./typed-columns.js";

/** What a legacy session holds. */
export interface LegacySession extends LegacyObject {
  readonly user_id?: unknown;
  readonly expires_at?: unknown;
}

/** Defines the collection `user_sessions`. Ids are tokens; values are the legacy sessions. */
export function userSessionsCollection({ zone }: { readonly zone: string }): RecordsDefinition<LegacySession> {
  return defineRecords<LegacySession>({
    name: "user_sessions",
    priority: "low",
    redis: { key: (token, { prefix }) => `${prefix}session:${token}`, codec: pythonJson() },
    postgres: { table: userSessions, columns: (value) => columns(value, zone) },
    schema: objectSchema<LegacySession>(),
  });
}

function columns(value: LegacySession, zone: string): Record<string, unknown> {
  return {
    userId: identifier(value.user_id),
    sessionToken: textColumn(value.session_token),
    refreshToken: textColumn(value.refresh_token),
    deviceId: textColumn(value.device_id),
    ipAddress: textColumn(value.ip_address),
    userAgent: textColumn(value.user_agent),
    deviceName: textColumn(value.device_name),
    isActive: booleanColumn(value.is_active),
    isRememberMe: booleanColumn(value.is_remember_me),
    createdAt: momentColumn(value.created_at, zone),
    endsAt: momentColumn(value.expires_at, zone),
    lastUsedAt: momentColumn(value.last_used_at, zone),
  };
}
