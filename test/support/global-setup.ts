/** Starts the Postgres that all test files share, each in databases of its own. */
import type { TestProject } from "vitest/node";
import { startPostgres } from "../servers/postgres-server.js";
import { redisBinary } from "../servers/redis-binary.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The shared server's maintenance database, as a superuser. */
    postgresUrl: string;
  }
}

/** `DUAL_WRITE_TEST_POSTGRES_URL` names a running server to use instead; its user must be able to create databases. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Obtained once, before the files ask for it at the same time; those that need it report why it failed.
  const redis = redisBinary().catch(() => undefined);
  const given = process.env.DUAL_WRITE_TEST_POSTGRES_URL;
  // Nothing kills this server, so nothing needs its data to survive.
  const server = given ? undefined : await startPostgres({ config: { fsync: "off", full_page_writes: "off" } });
  await redis;
  project.provide("postgresUrl", given ?? (server?.url as string));
  return async () => server?.stop();
}
