/** Counts premium grants, active and expired, each once though it may stand under two keys. */
import { endOfGrant } from "../../collections/access.js";
import { isPlaceholderAddress } from "../../collections/addresses.js";
import { normaliseEmail } from "../../collections/emails.js";
import { parseLegacyDate } from "../../collections/legacy-dates.js";
import { isLegacyObject } from "../../collections/legacy-object.js";
import { parseHolder } from "../../collections/subscriptions.js";
import { DistinctKeys } from "../keyspace/distinct-keys.js";
import { withoutPersonal } from "./key-label.js";

export interface PremiumGrants {
  /** Keys of grants that could be read, by what they are granted to; `placeholder`: to 0.0.0.0, which gives nobody access. */
  readonly keys: { readonly email: number; readonly ip: number; readonly placeholder: number };
  /** Keys of grants whose value isn't one. */
  readonly unreadable: number;
  /** Grants: the same holder, moment and plan under two keys, or under two spellings of an email, is one. */
  readonly total: number;
  readonly active: number;
  readonly expired: number;
  /** Their end can't be told, so they give no access. */
  readonly endUnknown: number;
  /** Of the active ones. */
  readonly endingWithin: { readonly "7 days": number; readonly "30 days": number; readonly "90 days": number };
  readonly plans: Readonly<Record<string, { readonly active: number; readonly expired: number }>>;
  /** Grants by the month in which they were made, `YYYY-MM`; those that don't say it are left out. */
  readonly grantedIn: Readonly<Record<string, number>>;
}

const DAY_MS = 86_400_000;
const SOON = { "7 days": 7, "30 days": 30, "90 days": 90 } as const;
/** Distinct plans, and months, at most; the rest is counted together, so that hostile values can't fill the memory. */
const MOST_NAMES = 50;
const MOST_MONTHS = 600;

export class GrantCount {
  readonly #now: number;
  readonly #zone: string;
  readonly #seen = new DistinctKeys();
  readonly #keys = { email: 0, ip: 0, placeholder: 0 };
  readonly #soon = { "7 days": 0, "30 days": 0, "90 days": 0 };
  readonly #plans = new Map<string, { active: number; expired: number }>();
  readonly #months = new Map<string, number>();
  #unreadable = 0;
  #active = 0;
  #expired = 0;
  #endUnknown = 0;

  /** `now`: the server's clock, milliseconds since the epoch. */
  constructor(now: number, zone: string) {
    this.#now = now;
    this.#zone = zone;
  }

  /** Whether a record of the subscriptions is a grant at all. */
  static isGrant(id: string): boolean {
    return parseHolder(id)?.kind !== "user";
  }

  addUnreadable(): void {
    this.#unreadable++;
  }

  /** `id`: that of the record, such as `email:ann@example.org`. */
  add(id: string, value: unknown): void {
    const holder = parseHolder(id);
    if (!holder || holder.kind === "user" || !isLegacyObject(value)) return;
    const isPlaceholder = holder.kind === "ip" && isPlaceholderAddress(holder.name);
    this.#keys[isPlaceholder ? "placeholder" : holder.kind]++;
    const named = holder.kind === "ip" && typeof value.email === "string" ? normaliseEmail(value.email) : "";
    const owner = named === "" ? id : `email:${named}`;
    const plan = typeof value.plan === "string" ? value.plan : "";
    const made = typeof value.granted_at === "string" ? value.granted_at : "";
    if (!this.#seen.add(Buffer.from(JSON.stringify([owner, made, plan])))) return;
    this.#count(endOfGrant(value, this.#zone)?.getTime() ?? null, nameOfPlan(plan));
    const month = parseLegacyDate(value.granted_at, this.#zone)?.toISOString().slice(0, 7);
    if (month && (this.#months.has(month) || this.#months.size < MOST_MONTHS))
      this.#months.set(month, (this.#months.get(month) ?? 0) + 1);
  }

  toJSON(): PremiumGrants {
    return {
      keys: { ...this.#keys },
      unreadable: this.#unreadable,
      total: this.#active + this.#expired + this.#endUnknown,
      active: this.#active,
      expired: this.#expired,
      endUnknown: this.#endUnknown,
      endingWithin: { ...this.#soon },
      plans: Object.fromEntries([...this.#plans].sort((a, b) => b[1].active - a[1].active)),
      grantedIn: Object.fromEntries([...this.#months].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }

  #count(end: number | null, plan: string): void {
    if (end === null) {
      this.#endUnknown++;
      return;
    }
    const isActive = end > this.#now;
    if (isActive) this.#active++;
    else this.#expired++;
    for (const [name, days] of Object.entries(SOON)) {
      if (isActive && end <= this.#now + days * DAY_MS) this.#soon[name as keyof typeof SOON]++;
    }
    const known = this.#plans.has(plan) || this.#plans.size < MOST_NAMES;
    const name = known ? plan : "(others)";
    const counts = this.#plans.get(name) ?? { active: 0, expired: 0 };
    counts[isActive ? "active" : "expired"]++;
    this.#plans.set(name, counts);
  }
}

/** A plan's name as it may be shown; anything but a short plain word is suspect. */
function nameOfPlan(plan: string): string {
  if (plan === "") return "(none)";
  return /^[\w .+-]{1,40}$/.test(plan) && withoutPersonal(plan) === plan ? plan : "(unusual)";
}
