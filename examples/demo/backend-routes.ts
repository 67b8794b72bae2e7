/** What the backend's requests do with the store: one entry a route, all of them POST with a JSON body. */
import type { DualWriteStore } from "dual-write-store";

/** Stands in an answer during which a read fell back to the other store: not all calls say so themselves. */
export const FALLBACK_HEADER = "x-fallback";

export interface Reply {
  readonly status?: number;
  readonly body: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: bodies come from the demo's own traffic, whose store calls check them
type Route = (store: DualWriteStore, body: any) => Promise<Reply>;

/** How one record or counter was read; `error` has a message instead of a value. */
export interface ReadReply {
  readonly kind: "hit" | "miss" | "error";
  readonly value: unknown;
  readonly fallback: boolean;
  readonly message?: string;
}

export const routes: Readonly<Record<string, Route>> = {
  "/readyz": async (store) => {
    const health = await store.health();
    return { status: health.ready ? 200 : 503, body: health };
  },
  "/health": async (store) => ({ body: await store.health() }),

  "/access": async (store, { person }) => ({ body: await store.subscriptions.checkAccess(person) }),
  "/read": async (store, { collection, ids }) => outcomes(await recordsOf(store, collection).readMany(ids)),
  "/usage/read": async (store, { ids }) => outcomes(await store.collections.usage.readMany(ids)),
  "/users/find": async (store, { email }) => ({ body: await store.users.findByEmail(email) }),

  "/users/create": async (store, { user, operationId }) => ({ body: await store.users.create(user, { operationId }) }),
  "/users/update": async (store, { id, fields, operationId }) => ({
    body: await store.users.update(id, (user) => ({ ...user, ...fields }), { operationId }),
  }),
  "/users/delete": async (store, { id, operationId }) => ({
    body: (await store.users.delete(id, { operationId })) ? { deleted: true } : null,
  }),
  "/grants": async (store, { holder, grant, operationId }) => ({
    body: await store.subscriptions.grantPremium(holder, { ...grant, operationId }),
  }),
  "/subscriptions/put": async (store, { userId, subscription, operationId }) => ({
    body: await store.subscriptions.putForUser(userId, subscription, { operationId }),
  }),
  "/subscriptions/update": async (store, { id, patch, operationId }) => ({
    body: await store.subscriptions.updateBySubscriptionId(id, patch, { operationId }),
  }),
  "/usage/track": async (store, { subject, by, at, operationId }) => ({
    body: await store.usage.track(subject, { by, at, operationId }),
  }),
  "/records/put": async (store, { collection, id, value, expiresAt, operationId }) => {
    await recordsOf(store, collection).put(id, value, { expiresAt, operationId });
    return { body: { stored: true } };
  },
  "/records/update": async (store, { collection, id, fields, operationId }) => ({
    body: await recordsOf(store, collection).update(id, (value) => ({ ...value, ...fields }), { operationId }),
  }),
};

type LegacyRecords = import("dual-write-store").Records<Record<string, unknown>>;

function recordsOf(store: DualWriteStore, collection: string): LegacyRecords {
  return (store.collections as unknown as Record<string, LegacyRecords>)[collection] as LegacyRecords;
}

/** One that can't be known makes the whole answer a refusal, as it would for somebody who asked for it alone. */
function outcomes(read: readonly import("dual-write-store").ReadOutcome<unknown>[]): Reply {
  const body = read.map((outcome): ReadReply => {
    const { kind, fallback } = outcome;
    if (outcome.kind === "error") return { kind, fallback, value: null, message: outcome.error.message };
    return { kind, fallback, value: outcome.kind === "hit" ? outcome.value : null };
  });
  const failed = body.find((one) => one.kind === "error");
  if (failed) return { status: 503, body: { error: { code: "READ_FAILED", message: failed.message } } };
  return { body };
}
