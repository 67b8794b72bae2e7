/** Asks for a person's access: reads what stands for them, and counts an error only where it could have changed the answer. */
import { AuthorityUnavailableError, DualWriteError, ValidationError } from "../errors.js";
import { type Access, decideAccess, deniedAccess, freeAccess, isLiveGrant } from "./access.js";
import { optionalAddress, optionalName, refuse, requireObject } from "./inputs.js";
import type { LegacyObject } from "./legacy-object.js";
import type { CallOptions, ReadOutcome, Records } from "./ports.js";
import { type HolderValue, holderId } from "./subscriptions.js";

/** A person, by whatever is known of them. */
export interface Person {
  readonly userId?: string | null;
  readonly email?: string | null;
  /** The placeholder 0.0.0.0 counts as no address. */
  readonly ip?: string | null;
}

export interface CheckAccessOptions extends CallOptions {
  /** What to do when it can't be found out: throw, let the person in as in the free tier, or not. @default "throw" */
  readonly onError?: "throw" | "allow" | "deny";
}

/** How the reads of a person's holders ended; absent: the person isn't known by that. */
export interface HolderOutcomes {
  readonly user?: ReadOutcome<LegacyObject>;
  /** More than one where a legacy key may have the email in another spelling. */
  readonly emails: readonly ReadOutcome<LegacyObject>[];
  readonly ip?: ReadOutcome<LegacyObject>;
}

export type AccessResolution =
  | { readonly kind: "decided"; readonly access: Access }
  | { readonly kind: "undecided"; readonly error: Error };

export async function checkAccess(
  records: Pick<Records<HolderValue>, "readMany">,
  person: Person,
  options: CheckAccessOptions,
  now: () => number,
  zone: string,
): Promise<Access> {
  const { onError = "throw", ...call } = options;
  if (!["throw", "allow", "deny"].includes(onError)) refuse("onError", '"throw", "allow" or "deny" is needed');
  const holders = holdersOf(person);
  const outcomes = await readHolders(records, holders, call);
  // The clock is looked at after the reads: what ended meanwhile has ended.
  const resolution = outcomes instanceof Error ? undecided(outcomes) : resolveAccess(outcomes, now(), zone);
  if (resolution.kind === "decided") return resolution.access;
  if (onError === "allow") return freeAccess("unknown");
  if (onError === "deny") return deniedAccess();
  if (resolution.error instanceof DualWriteError) throw resolution.error;
  throw new AuthorityUnavailableError(
    "Whether there is access could not be found out. Retry, or choose an answer by `onError`.",
    { cause: resolution.error },
  );
}

/**
 * 1. The user's subscription decides if it was found; if its read failed, nothing else can.
 * 2. A live grant decides, whatever happened to the reads of the others: they could at most name another source.
 * 3. Without one, any failed read may have hidden it.
 */
export function resolveAccess({ user, emails, ip }: HolderOutcomes, now: number, zone: string): AccessResolution {
  if (user?.kind === "error") return undecided(user.error);
  if (user?.kind === "hit") {
    const facts = { userSubscription: user.value, emailGrant: null, ipGrant: null };
    return { kind: "decided", access: decideAccess(facts, now, zone) };
  }
  const emailGrants = emails.flatMap((outcome) => (outcome.kind === "hit" ? [outcome.value] : []));
  const emailGrant = emailGrants.find((grant) => isLiveGrant(grant, now, zone)) ?? emailGrants[0] ?? null;
  const ipGrant = ip?.kind === "hit" ? ip.value : null;
  const access = decideAccess({ userSubscription: null, emailGrant, ipGrant }, now, zone);
  const isGrantLive = access.hasAccess && access.source !== "free";
  const failed = [...emails, ip].find((outcome) => outcome?.kind === "error");
  return failed?.kind === "error" && !isGrantLive ? undecided(failed.error) : { kind: "decided", access };
}

function undecided(error: Error): AccessResolution {
  return { kind: "undecided", error };
}

interface Holders {
  readonly user: string | null;
  readonly emails: readonly string[];
  readonly ip: string | null;
}

function holdersOf(person: Person): Holders {
  const { userId, email, ip } = requireObject(person, "person");
  const user = optionalName(userId, "userId");
  const mail = optionalName(email, "email");
  const address = optionalAddress(ip);
  return {
    user: user === null ? null : holderId("user", user),
    // A legacy key may have the email exactly as given, until the migration has merged it.
    emails: mail === null ? [] : [...new Set([holderId("email", mail), `email:${mail}`])],
    ip: address === null ? null : holderId("ip", address),
  };
}

/** @throws ValidationError for what the collection won't even look for; other failures are returned */
async function readHolders(
  records: Pick<Records<HolderValue>, "readMany">,
  { user, emails, ip }: Holders,
  options: CallOptions,
): Promise<HolderOutcomes | Error> {
  const ids = [user, ...emails, ip].filter((id) => id !== null);
  try {
    const read = ids.length === 0 ? [] : await records.readMany(ids, options);
    const outcomeOf = (id: string | null) => (id === null ? undefined : read[ids.indexOf(id)]);
    return { user: outcomeOf(user), emails: emails.flatMap((id) => outcomeOf(id) ?? []), ip: outcomeOf(ip) };
  } catch (error) {
    if (error instanceof ValidationError) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}
