/** Threads that were generated and are kept a while, found by the URL or the text that they were made from. */
import { index, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { syncColumns } from "./sync-columns.js";

export const threads = pgTable(
  "threads",
  {
    /** The record's id: `url:{url}` or `text:{16 hex digits}`. */
    id: text("id").primaryKey(),
    /** The URL that the thread is cached under; null for one made from text. */
    url: text("url"),
    /** The start of the SHA-256 of the text that the thread is cached under; null for one made from a URL. */
    textHash: text("text_hash"),
    title: text("title"),
    tweets: jsonb("tweets"),
    originalContent: text("original_content"),
    /** The value's own `source_url`, which may differ from `url`. */
    sourceUrl: text("source_url"),
    aiModel: text("ai_model"),
    generationTimeMs: integer("generation_time_ms"),
    /** The value's `_ttl`. When the row ends is `sync_expires_at`. */
    ttlSeconds: integer("ttl_seconds"),
    ...syncColumns(),
  },
  (table) => [
    // Hash: looked up by equality only, and a URL may be longer than a B-tree entry.
    index("threads_url_idx").using("hash", table.url),
    index("threads_source_url_idx").using("hash", table.sourceUrl),
    index("threads_sync_expires_at_idx").on(table.syncExpiresAt),
  ],
);
