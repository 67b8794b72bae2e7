/** The collections of the legacy application, ready to be opened. */
import type { CountersDefinition } from "../engine/define-counters.js";
import type { RecordsDefinition } from "../engine/define-records.js";
import { checkZone, DEFAULT_ZONE } from "./legacy-dates.js";
import { type HolderValue, subscriptionsCollection } from "./subscriptions.js";
import { type LegacyThread, threadsCollection } from "./threads.js";
import { usageCollection } from "./usage.js";
import { type LegacyUsageLine, usageLogCollection } from "./usage-log.js";
import { type LegacySession, userSessionsCollection } from "./user-sessions.js";
import { type LegacySignUp, usersCollection } from "./users.js";

export interface BuiltinOptions {
  /** The zone of legacy date-times that carry none, an IANA name. @default "UTC" */
  readonly zone?: string;
}

/** The definitions by their names, in the order of migration: critical first. */
export interface BuiltinCollections {
  readonly subscriptions: RecordsDefinition<HolderValue>;
  readonly users: RecordsDefinition<LegacySignUp>;
  readonly usage: CountersDefinition;
  readonly usage_log: RecordsDefinition<LegacyUsageLine>;
  readonly threads: RecordsDefinition<LegacyThread>;
  readonly user_sessions: RecordsDefinition<LegacySession>;
}

/** @throws ConfigurationError for an unknown zone. */
export function builtinCollections(options: BuiltinOptions = {}): BuiltinCollections {
  const zone = checkZone(options.zone ?? DEFAULT_ZONE);
  return {
    subscriptions: subscriptionsCollection({ zone }),
    users: usersCollection({ zone }),
    usage: usageCollection(),
    usage_log: usageLogCollection({ zone }),
    threads: threadsCollection(),
    user_sessions: userSessionsCollection({ zone }),
  };
}
