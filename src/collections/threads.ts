/** The collection of cached threads. */
import { defineRecords, type RecordsDefinition } from "../engine/define-records.js";
import { escapeGlob, restOfKey } from "../engine/key-pattern.js";
import { ValidationError } from "../errors.js";
import { threads } from "../schema/threads.js";
import { type LegacyObject, objectSchema } from "./legacy-object.js";
import { pythonJson } from "./python-json.js";
import { integerColumn, jsonColumn, textColumn } from "./typed-columns.js";

/** What a legacy cache entry holds. `_cached_at` is a process's monotonic clock and tells nothing. */
export interface LegacyThread extends LegacyObject {
  readonly tweets: readonly unknown[];
}

const ID = /^(?:url:(.+)|text:([0-9a-f]{16}))$/s;

/** Defines the collection `threads`. Ids are `url:{url}` or `text:{16 hex digits}`; values are the legacy cache entries. */
export function threadsCollection(): RecordsDefinition<LegacyThread> {
  return defineRecords<LegacyThread>({
    name: "threads",
    priority: "medium",
    redis: {
      key: (id, { prefix }) => {
        if (!ID.test(id))
          throw new ValidationError([
            { path: "id", message: 'a thread is named "url:{url}" or "text:{16 hex digits}"' },
          ]);
        return `${prefix}cache:${id}`;
      },
      parse: (key, { prefix }) => {
        const id = restOfKey(key, prefix, "cache:");
        return id !== null && ID.test(id) ? id : null;
      },
      pattern: ({ prefix }) => `${escapeGlob(prefix)}cache:[ut]*`,
      examples: ["url:{https://example.org/post}", "text:{0123456789abcdef}"],
      codec: pythonJson(),
    },
    postgres: { table: threads, columns },
    schema: objectSchema<LegacyThread>((value) =>
      Array.isArray(value.tweets) ? null : "not a thread: `tweets` isn't an array",
    ),
  });
}

function columns(value: LegacyThread, id: string): Record<string, unknown> {
  const [, url, textHash] = ID.exec(id) ?? [];
  return {
    url: url ?? null,
    textHash: textHash ?? null,
    title: textColumn(value.title),
    tweets: jsonColumn(value.tweets),
    originalContent: textColumn(value.original_content),
    sourceUrl: textColumn(value.source_url),
    aiModel: textColumn(value.ai_model),
    // Measured by a clock, so sometimes with a fraction.
    generationTimeMs: integerColumn(
      typeof value.generation_time_ms === "number" ? Math.round(value.generation_time_ms) : null,
    ),
    ttlSeconds: integerColumn(value._ttl),
  };
}
