/** Every table that the migrations create; drizzle-kit reads this file. */
export * from "./analytics-timeseries.js";
export * from "./control.js";
export * from "./subscriptions.js";
export * from "./threads.js";
export * from "./usage-log.js";
export * from "./usage-tracking.js";
export * from "./user-sessions.js";
export * from "./users.js";
