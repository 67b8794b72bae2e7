/** People who signed up: create, find, update, delete, by email or id. */
import { DuplicateEmailError } from "../errors.js";
import { emailIssue, normaliseEmail } from "./emails.js";
import { applyChange, type Fields, isDate, isText, toStored, toView } from "./fields.js";
import { refuse, requireName, requireObject } from "./inputs.js";
import { DEFAULT_ZONE, formatLegacyDate } from "./legacy-dates.js";
import type { CallOptions, Clock, Records } from "./ports.js";
import { sharedDeadline } from "./shared-deadline.js";
import { derivedUserId, idOfUser, type LegacySignUp, SIGN_UP_TTL_SECONDS } from "./users.js";

/** What a user has besides id and email. Other fields pass unchanged, under the names that they have. */
export interface UserFields<Moment> {
  /** An ISO date-time; where it carries no offset it is in the store's zone. */
  readonly subscribedAt?: Moment | null;
  readonly source?: string | null;
  readonly userAgent?: string | null;
  readonly referrer?: string | null;
  readonly utmSource?: string | null;
  readonly role?: string | null;
  readonly name?: string | null;
  readonly [field: string]: unknown;
}

/** A user. */
export interface User extends UserFields<string> {
  /** The id given at sign-up, or one made from the email. */
  readonly id: string;
  /** Trimmed and in lower case. */
  readonly email: string;
}

/** What `create` takes. Known fields may also have their snake_case names. */
export interface NewUser extends UserFields<Date | string> {
  readonly email: string;
  /** @default a UUID made from the email: the same in every process */
  readonly id?: string;
}

const FIELDS: Fields = {
  subscribedAt: { stored: "subscribed_at", check: isDate },
  source: { stored: "source", check: isText },
  userAgent: { stored: "user_agent", check: isText },
  referrer: { stored: "referrer", check: isText },
  utmSource: { stored: "utm_source", check: isText },
  role: { stored: "role", check: isText },
  name: { stored: "name", check: isText },
};

/** Shown as `id` and `email`; whatever a legacy value has under these names is kept but not shown. */
const IDENTITY = ["id", "userId", "user_id", "email"];

export interface UsersRepositoryOptions {
  readonly records: Records<LegacySignUp>;
  readonly clock: Clock;
  /** The zone in which date-times are written, and read where they carry none. @default "UTC" */
  readonly zone?: string;
}

export class UsersRepository {
  readonly #records: Records<LegacySignUp>;
  readonly #clock: Clock;
  readonly #zone: string;

  constructor({ records, clock, zone = DEFAULT_ZONE }: UsersRepositoryOptions) {
    this.#records = records;
    this.#clock = clock;
    this.#zone = zone;
  }

  /**
   * Signs somebody up, for two years. `subscribedAt` is now unless given.
   *
   * @example
   * const user = await store.users.create({ email: "Ann@Example.org", source: "landing" });
   * user.email; // "ann@example.org"
   * @throws DuplicateEmailError, ValidationError; AuthorityUnavailableError, OutcomeUnknownError, DeadlineExceededError
   */
  async create(input: NewUser, options?: CallOptions): Promise<User> {
    const given = requireObject(input, "user");
    const issue = emailIssue(given.email);
    if (issue !== null) refuse("email", issue);
    const email = normaliseEmail(given.email as string);
    const now = this.#clock.now();
    const fields = toStored(withoutIdentity(given), FIELDS, this.#zone);
    const value = {
      subscribed_at: formatLegacyDate(now, this.#zone),
      ...fields,
      user_id: givenId(given) ?? derivedUserId(email),
    };
    const step = sharedDeadline(options);
    const expiresAt = now + SIGN_UP_TTL_SECONDS * 1000;
    // A legacy key may have the email in the very spelling given.
    const unless = given.email === email ? [] : [given.email as string];
    if (!(await this.#records.create(email, value, { ...step(), expiresAt, unless })))
      throw new DuplicateEmailError("A user with this email exists already.", options);
    // With an id of the caller's this may be a repetition, and what stands be what the first call wrote.
    const stands =
      options?.operationId === undefined ? value : await this.#records.get(email, step()).catch(() => null);
    return view(email, stands ?? value);
  }

  /**
   * Finds a user by email, in any case. A legacy key in exactly the spelling given is found too.
   * @throws ValidationError; AuthorityUnavailableError when it can't be known whether there is one
   */
  async findByEmail(email: string, options?: CallOptions): Promise<User | null> {
    const normal = normaliseEmail(requireName(email, "email"));
    const step = sharedDeadline(options);
    const value = (await this.#records.get(normal, step())) ?? (await this.#standsAsGiven(email, normal, step()));
    return value && view(normal, value);
  }

  /** @throws ValidationError; AuthorityUnavailableError when it can't be known whether there is one */
  async findById(id: string, options?: CallOptions): Promise<User | null> {
    const found = await this.#records.findBy("id", requireName(id, "id"), options);
    return found && view(found.id, found.value);
  }

  /**
   * Changes a user; null if there is none with this id. `change` gets a copy and may be called several times, so it does
   * nothing but return the changed user; a field that it leaves out is removed. What it doesn't touch stays exactly as stored.
   *
   * @example
   * await store.users.update(id, (user) => ({ ...user, role: "premium" }));
   * @throws ValidationError also for a change of email or id; ConflictError when other changes keep coming first
   */
  async update(
    id: string,
    change: (user: User) => UserFields<Date | string>,
    options?: CallOptions,
  ): Promise<User | null> {
    if (typeof change !== "function") refuse("change", "a function from the user to the changed user is needed");
    const changed = await this.#records.updateBy(
      "id",
      requireName(id, "id"),
      (stored, email) => this.#changed(id, email, stored, change),
      options,
    );
    return changed && view(changed.id, changed.value);
  }

  /** Deletes a user; false if there is none with this id. @throws ValidationError; AuthorityUnavailableError */
  async delete(id: string, options?: CallOptions): Promise<boolean> {
    return this.#records.deleteBy("id", requireName(id, "id"), options);
  }

  #changed(
    id: string,
    email: string,
    stored: LegacySignUp,
    change: (user: User) => UserFields<Date | string>,
  ): LegacySignUp {
    const before = view(email, stored);
    const after = requireObject(change(structuredClone(before)), "user");
    const newId = givenId(after);
    // Else a function that returns only what it changes would silently remove all the rest.
    if (newId === undefined) refuse("user", "the function has to return the whole user, such as { ...user, role }");
    if (newId !== id) refuse("id", "a user's id can't be changed; create another user");
    if (after.email !== undefined && (typeof after.email !== "string" || normaliseEmail(after.email) !== email)) {
      refuse(
        "email",
        "a user is kept under the email; to change it, create a user with the new one and delete this one",
      );
    }
    return applyChange(stored, withoutIdentity(before), withoutIdentity(after), FIELDS, this.#zone);
  }

  /** What stands under the email in the caller's own spelling; null where that is the normal one. */
  async #standsAsGiven(email: string, normal: string, options: CallOptions): Promise<LegacySignUp | null> {
    return email === normal ? null : this.#records.get(email, options);
  }
}

function view(email: string, stored: LegacySignUp): User {
  return { id: idOfUser(email, stored), email, ...withoutIdentity(toView(stored, FIELDS)) };
}

function withoutIdentity(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !IDENTITY.includes(name)));
}

function givenId(input: Readonly<Record<string, unknown>>): string | undefined {
  const ids = [input.id, input.userId, input.user_id].filter((id) => id !== undefined && id !== null);
  if (new Set(ids).size > 1) refuse("id", "given under two names, with different values");
  return ids.length === 0 ? undefined : requireName(ids[0], "id");
}
