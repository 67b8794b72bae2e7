/** Whether a Redis server is fit for what the library asks of it. */
import type { RedisFacts } from "../../stores/redis/server-facts.js";
import { bytes, Findings, isLocal } from "./finding.js";

/** The scripts use nothing newer. */
const OLDEST = 5;
/** Share of the memory limit from which the rest isn't enough for companions and repair logs. */
const FULL = 0.9;

const ASK_PROVIDER = "Look at the provider's console for it.";

/** @param footprint what the library may store there in bytes, if that is known */
export function redisFindings(facts: RedisFacts, footprint: number | null): Findings["all"] {
  const findings = new Findings("redis");
  checkConnection(findings, facts);
  const { info } = facts;
  if (info.known) {
    checkServer(findings, info.value);
    checkMemory(findings, info.value, footprint);
    checkPersistence(findings, facts, info.value);
  } else {
    findings.check(
      "INFO allowed",
      false,
      "blocking",
      `refused: ${info.reason}`,
      "Allow INFO: its run_id is how the library notices that Redis lost its memory.",
    );
  }
  return findings.all;
}

function checkConnection(findings: Findings, facts: RedisFacts): void {
  const local = isLocal(facts.host);
  const tlsFigure = facts.tls ? "on" : `off, to ${facts.host}`;
  findings.check("TLS", facts.tls || local, "problem", tlsFigure, "Use a rediss:// URL, or REDIS_TLS_ENABLED=true.");
  const password = facts.password ? "a password is sent" : "no password is sent";
  findings.check(
    "password",
    facts.password || local,
    "problem",
    password,
    "Set requirepass, or an ACL user, and REDIS_PASSWORD.",
  );
  if (facts.user.known) findings.ok("user", facts.user.value);
  findings.from(
    facts.refused,
    "privileges",
    "Compare the user's ACL with the one shown by --privileges.",
    (refused) => {
      if (refused === null) {
        const reason = "a server before 7.0 doesn't tell what a user may do";
        findings.unknown("privileges", reason, "Compare the user's ACL with the one shown by --privileges.");
        return;
      }
      findings.check(
        "privileges",
        refused.length === 0,
        "blocking",
        refused.length === 0 ? "suffice" : `not allowed: ${refused.join(", ")}`,
        "Give the user the ACL shown by --privileges.",
      );
    },
  );
}

type Info = Readonly<Record<string, string>>;

function checkServer(findings: Findings, info: Info): void {
  const version = info.redis_version ?? "";
  findings.check(
    "version",
    Number.parseInt(version, 10) >= OLDEST,
    "blocking",
    version,
    `Upgrade to Redis ${OLDEST} or later.`,
  );
  const mode = info.redis_mode ?? "standalone";
  findings.check(
    "mode",
    mode !== "cluster",
    "blocking",
    mode,
    "Use a single primary: Redis Cluster isn't supported yet.",
  );
  const role = info.role ?? "";
  findings.check(
    "role",
    role !== "slave",
    "blocking",
    role === "slave" ? "a replica" : "a primary",
    "Connect to the primary: a replica takes no writes.",
  );
  findings.check(
    "ready",
    info.loading !== "1",
    "blocking",
    info.loading === "1" ? "loading its data" : "yes",
    "Wait until it has loaded its data.",
  );
  const replicas = Number(info.connected_slaves ?? 0);
  findings.ok(
    "replication",
    replicas === 0
      ? "no replica"
      : `${replicas} replicas; one that takes over counts as a memory loss, since it may lack the last writes`,
  );
  findings.ok("clients", info.connected_clients ?? "?");
}

function checkMemory(findings: Findings, info: Info, footprint: number | null): void {
  const limit = Number(info.maxmemory ?? 0);
  const used = Number(info.used_memory ?? 0);
  const room = limit > 0 ? limit : Number(info.total_system_memory ?? 0);
  const policy = info.maxmemory_policy;
  if (policy === undefined)
    findings.unknown("eviction", "INFO doesn't tell it", "Make sure that maxmemory-policy is noeviction.");
  else {
    findings.check(
      "eviction",
      policy === "noeviction",
      "blocking",
      policy,
      "CONFIG SET maxmemory-policy noeviction (and in redis.conf): an evicted key looks like a delete, an evicted fence like a memory loss.",
    );
  }
  const evicted = Number(info.evicted_keys ?? 0);
  findings.check(
    "evicted keys",
    evicted === 0,
    "problem",
    String(evicted),
    "What was evicted is gone; the audit shows what is missing.",
  );
  if (room === 0) {
    findings.unknown("memory", "INFO tells no limit", ASK_PROVIDER);
    return;
  }
  const then = used + (footprint ?? 0);
  findings.check(
    "memory",
    then < room * FULL,
    "blocking",
    `${bytes(used)} of ${bytes(room)}${limit > 0 ? "" : " (the machine's; maxmemory isn't set)"}${footprint === null ? "" : `, with the library's ${bytes(then)}`}`,
    "Give Redis more memory: past its limit it refuses writes.",
  );
}

function checkPersistence(findings: Findings, facts: RedisFacts, info: Info): void {
  const aof = info.aof_enabled === "1";
  findings.check(
    "append-only file",
    aof,
    "blocking",
    aof ? "on" : "off",
    "CONFIG SET appendonly yes (and in redis.conf): without it a restart loses what only Redis has. See docs/redis-durability.md.",
  );
  if (aof) {
    findings.from(facts.appendfsync, "appendfsync", ASK_PROVIDER, (value) =>
      findings.check(
        "appendfsync",
        value !== "no",
        "problem",
        value,
        "CONFIG SET appendfsync everysec: with `no` a crash loses up to half a minute.",
      ),
    );
  }
  findings.from(facts.save, "snapshots", ASK_PROVIDER, (value) =>
    findings.ok("snapshots", value === "" ? "none" : value),
  );
  const failing = [
    ...(info.aof_last_write_status === "err" ? ["the append-only file"] : []),
    ...(info.aof_last_bgrewrite_status === "err" ? ["its rewrite"] : []),
    ...(info.rdb_last_bgsave_status === "err" ? ["the last snapshot"] : []),
  ];
  findings.check(
    "writing to disk",
    failing.length === 0,
    "blocking",
    failing.length === 0 ? "works" : `failed for ${failing.join(", ")}`,
    "Look at Redis's log: the disk is full, or its folder can't be written.",
  );
}
