/** What other libraries name their keys by default, and what has to become of them before Redis is switched off. */

export type ForeignKind = "queue" | "lock" | "session" | "rateLimit" | "cache" | "realtime";

export interface Foreign {
  readonly library: string;
  readonly kind: ForeignKind;
  /** `*` stands for anything. The first line that fits counts, so the special ones stand first. */
  readonly names: readonly string[];
}

/** What to do about each kind. `mustMove`: something is lost if Redis goes before it was dealt with. */
export const ADVICE: Readonly<Record<ForeignKind, { readonly mustMove: boolean; readonly advice: string }>> = {
  queue: {
    mustMove: true,
    advice:
      "jobs aren't migrated: let them run out, or move them to a queue on Postgres (pg-boss, graphile-worker, River)",
  },
  lock: {
    mustMove: true,
    advice: "locks aren't migrated: move them to advisory locks or lease rows in Postgres while nobody holds one",
  },
  session: {
    mustMove: true,
    advice: "these sessions aren't migrated: move their store (such as connect-pg-simple), or people sign in anew",
  },
  rateLimit: {
    mustMove: false,
    advice: "not migrated: the windows expire by themselves; give the limiter another store first",
  },
  cache: { mustMove: false, advice: "not migrated: it is made anew; give the cache another store or leave it out" },
  realtime: {
    mustMove: true,
    advice: "not migrated: give the adapter another broker, such as LISTEN and NOTIFY of Postgres",
  },
};

export const FOREIGN: readonly Foreign[] = [
  { library: "BullMQ or Bull", kind: "queue", names: ["bull:*", "bullmq:*", "{bull}:*"] },
  { library: "Bee-Queue", kind: "queue", names: ["bq:*"] },
  { library: "Kue", kind: "queue", names: ["q:job:*", "q:jobs*", "q:ids", "q:search:*"] },
  { library: "RSMQ", kind: "queue", names: ["rsmq:*"] },
  {
    library: "Celery",
    kind: "queue",
    names: ["celery-task-meta-*", "celery-taskset-meta-*", "celery", "celery\u0006*", "celeryev*", "*.celery.pidbox"],
  },
  {
    library: "Kombu",
    kind: "queue",
    names: ["_kombu.binding.*", "_kombu*", "unacked", "unacked_index", "unacked_mutex"],
  },
  { library: "Flower or RedBeat", kind: "queue", names: ["redbeat:*", "redbeat::*"] },
  { library: "RQ", kind: "queue", names: ["rq:*"] },
  { library: "Dramatiq", kind: "queue", names: ["dramatiq:*"] },
  { library: "Huey", kind: "queue", names: ["huey.*", "huey:*"] },
  { library: "ARQ", kind: "queue", names: ["arq:*"] },
  { library: "TaskIQ", kind: "queue", names: ["taskiq", "taskiq:*"] },
  { library: "Asynq", kind: "queue", names: ["asynq:*"] },
  { library: "Resque", kind: "queue", names: ["resque:*"] },
  {
    library: "Laravel queues",
    kind: "queue",
    names: ["queues:*", "horizon:*", "laravel_horizon:*", "laravel_database_queues:*"],
  },
  {
    library: "Sidekiq",
    kind: "queue",
    names: [
      "sidekiq:*",
      "queue:*",
      "queues",
      "schedule",
      "retry",
      "dead",
      "processes",
      "stat:processed*",
      "stat:failed*",
    ],
  },
  { library: "a queue", kind: "queue", names: ["queue:*", "*:queue", "*:queue:*", "jobs:*", "job:*", "tasks:*"] },
  { library: "Redisson", kind: "lock", names: ["redisson_lock__*", "redisson_*"] },
  {
    library: "Redlock or another lock",
    kind: "lock",
    names: ["redlock:*", "lock:*", "locks:*", "mutex:*", "*:lock", "*:lock:*", "*:mutex", "*_lock", "*-lock"],
  },
  { library: "connect-redis", kind: "session", names: ["sess:*"] },
  { library: "Spring Session", kind: "session", names: ["spring:session:*"] },
  { library: "Django sessions", kind: "session", names: ["*django.contrib.sessions*"] },
  { library: "Laravel sessions", kind: "session", names: ["laravel_session:*", "laravel_session*"] },
  { library: "PHP sessions", kind: "session", names: ["PHPREDIS_SESSION:*"] },
  { library: "Auth.js", kind: "session", names: ["user:session:*", "user:account:*"] },
  { library: "sessions", kind: "session", names: ["session:*", "sessions:*"] },
  { library: "rate-limiter-flexible", kind: "rateLimit", names: ["rlflx:*"] },
  { library: "rate-limit-redis", kind: "rateLimit", names: ["rl:*"] },
  { library: "@upstash/ratelimit", kind: "rateLimit", names: ["@upstash/ratelimit:*"] },
  { library: "limits or SlowAPI", kind: "rateLimit", names: ["LIMITER*", "LIMITS:*", "LIMITER/*"] },
  { library: "Rack::Attack", kind: "rateLimit", names: ["rack::attack:*"] },
  {
    library: "a rate limiter",
    kind: "rateLimit",
    names: [
      "ratelimit:*",
      "ratelimiter:*",
      "rate_limit:*",
      "rate-limit:*",
      "rate:*",
      "throttle:*",
      "throttler:*",
      "limiter:*",
    ],
  },
  { library: "Keyv", kind: "cache", names: ["keyv:*"] },
  { library: "Laravel cache", kind: "cache", names: ["laravel_cache*"] },
  { library: "Flask-Caching", kind: "cache", names: ["flask_cache_*"] },
  { library: "Django cache", kind: "cache", names: [":1:*"] },
  { library: "a cache", kind: "cache", names: ["cache:*"] },
  { library: "Socket.IO", kind: "realtime", names: ["socket.io*", "socket.io#*"] },
  { library: "Django Channels", kind: "realtime", names: ["asgi:*", "asgi::*"] },
];
