/** Shows whether anybody still uses Redis: what was run on it over a stated time, who is connected, and when keys were last touched. */
import type { Redis } from "ioredis";
import type { GateCheck } from "../../errors.js";
import { describe } from "../../stores/guard.js";
import { OWN_PREFIX } from "../../stores/redis/keys.js";
import type { BothStores } from "../migration-context.js";
import { rest } from "../run/pace.js";

/** Commands that care for a server and touch no data. Everything else counts as use. */
const CARE = new Set(
  "acl auth bgrewriteaof bgsave client cluster command config dbsize debug echo failover hello info lastsave latency lolwut memory module monitor ping psync quit replconf replicaof reset role save select slaveof slowlog sync time wait waitaof".split(
    " ",
  ),
);

/** Keys whose idle time is asked for. */
const SAMPLE = 200;
/** How exact an idle time is. Milliseconds. */
const IDLE_ERROR_MS = 5000;
const NAMED = 5;

export interface UsageOptions {
  /** How long commands are counted. Milliseconds. */
  readonly observeMs: number;
  /** When Redis was given up; keys touched later are told. Null: it isn't yet. */
  readonly givenUpAt: Date | null;
  readonly signal?: AbortSignal | undefined;
}

/** Read-only. A check that the server doesn't let us make isn't passed. */
export async function gatherUsage(context: BothStores, options: UsageOptions): Promise<GateCheck[]> {
  const { connection } = context.redis.store;
  const commands = await checkOf("no command was run on data", () => countCommands(connection, options));
  const clients = await checkOf("nobody is connected", () => listClients(connection.client));
  const touched = await checkOf("no key was touched", () => sampleIdleTimes(connection.client, options.givenUpAt));
  return [commands, clients, touched];
}

type Finding = Omit<GateCheck, "name">;

async function checkOf(name: string, look: () => Promise<Finding>): Promise<GateCheck> {
  try {
    return { name, ...(await look()) };
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    const remedy =
      "Let the user run INFO, CLIENT LIST, CLIENT ID, RANDOMKEY and OBJECT IDLETIME, or look in the provider's console.";
    return { name, passed: false, figure: `can't be told: ${describe(error)}`, remedy };
  }
}

async function countCommands(
  connection: BothStores["redis"]["store"]["connection"],
  { observeMs, signal }: UsageOptions,
): Promise<Finding> {
  const { runId } = connection;
  const before = parseCommandStats(await connection.client.info("commandstats"));
  await rest(observeMs, signal);
  const after = parseCommandStats(await connection.client.info("commandstats"));
  const seconds = Math.round(observeMs / 1000);
  const again = "Run this again.";
  if (connection.runId !== runId) return { passed: false, figure: "the server changed meanwhile", remedy: again };
  if ([...before].some(([name, calls]) => (after.get(name) ?? 0) < calls))
    return { passed: false, figure: "its statistics were reset meanwhile", remedy: again };
  const run = [...after]
    .map(([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const)
    .filter(([name, calls]) => calls > 0 && !CARE.has(name))
    .sort((a, b) => b[1] - a[1]);
  const list = run.slice(0, NAMED).map(([name, calls]) => `${name} ${calls}`);
  return {
    passed: run.length === 0,
    figure:
      run.length === 0
        ? `none in ${seconds} s`
        : `in ${seconds} s: ${list.join(", ")}${run.length > NAMED ? ", …" : ""}`,
    remedy: "Find the program in CLIENT LIST, convert or stop it, and run this again.",
  };
}

/** Calls by command, subcommands together. */
export function parseCommandStats(info: string): Map<string, number> {
  const calls = new Map<string, number>();
  for (const [, name = "", count] of info.matchAll(/^cmdstat_([^:|\s]+)(?:\|[^:]*)?:calls=(\d+)/gm))
    calls.set(name.toLowerCase(), (calls.get(name.toLowerCase()) ?? 0) + Number(count));
  return calls;
}

/** Clients of this server, their fields by name. Replicas are part of the server, and this connection is ours. */
export async function otherClients(client: Redis): Promise<ReadonlyMap<string, string>[]> {
  const [own, list] = await Promise.all([client.client("ID"), client.client("LIST")]);
  const lines = String(list)
    .split("\n")
    .filter((line) => line.startsWith("id="));
  const all = lines.map((line) => new Map(line.split(" ").map((field) => splitOnce(field))));
  return all.filter((one) => one.get("id") !== String(own) && !/[SM]/.test(one.get("flags") ?? ""));
}

async function listClients(client: Redis): Promise<Finding> {
  const others = await otherClients(client);
  const named = others
    .slice(0, NAMED)
    .map(
      (one) => `${one.get("name") || "unnamed"} at ${one.get("addr")}, last ${one.get("cmd")} ${one.get("idle")} s ago`,
    );
  return {
    passed: others.length === 0,
    figure:
      others.length === 0
        ? "no client but this one"
        : `${others.length}: ${named.join("; ")}${others.length > NAMED ? "; …" : ""}`,
    remedy:
      "Stop these, or take Redis out of their configuration. A monitor that only asks INFO may stay until the end.",
  };
}

function splitOnce(field: string): [string, string] {
  const at = field.indexOf("=");
  return [field.slice(0, at), field.slice(at + 1)];
}

/** OBJECT IDLETIME doesn't count as touching; a server that evicts by use frequency doesn't keep these times. */
async function sampleIdleTimes(client: Redis, givenUpAt: Date | null): Promise<Finding> {
  const drawn = await Promise.all(Array.from({ length: SAMPLE }, () => client.randomkey()));
  const keys = [...new Set(drawn)].filter((key): key is string => key !== null && !key.startsWith(OWN_PREFIX));
  const times = await Promise.all(keys.map((key) => client.object("IDLETIME", key) as Promise<number | null>));
  const idle = times.filter((seconds) => seconds !== null).sort((a, b) => a - b);
  const remedy = "Find the program that reads or writes these, convert or stop it.";
  if (idle.length === 0) return { passed: true, figure: "no key is left to look at", remedy };
  const sinceMs = givenUpAt ? Date.now() - givenUpAt.getTime() - IDLE_ERROR_MS : null;
  const touched = sinceMs === null ? [] : idle.filter((seconds) => seconds * 1000 < sinceMs);
  const median = idle[Math.floor(idle.length / 2)];
  const figures = `${idle.length} keys drawn: the least idle ${idle[0]} s, half of them ${median} s or more`;
  return {
    passed: touched.length === 0,
    figure: touched.length === 0 ? figures : `${touched.length} touched since Redis was given up; ${figures}`,
    remedy,
  };
}
