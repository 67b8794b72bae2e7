/** What must hold of the set that follows the records, after every effect. */
import { chainOf, isMember, MEMBERS } from "./collections.js";
import { type RecordTruth, redisRecord } from "./record-truth.js";
import type { Truth } from "./truth.js";

/** Whatever stands in Redis, the set says of it: the library's steps change both at once, and so do the bypass writers here. */
export function checkMembership({ world }: Truth, { id, events }: RecordTruth): void {
  // Who put another type in the set's place took the members away with it.
  if (world.wasOccupied) return;
  const { value } = redisRecord(world, id);
  const [is, should] = [world.redis.members(MEMBERS).includes(id), isMember(chainOf(value))];
  if (is === should) return;
  // Who has ended stays, as under the programs before.
  if (is && value === null && events.some(({ expiresAt }) => expiresAt !== null)) return;
  world.violate(
    "a set follows its records",
    `${id} stands as [${chainOf(value)}] in Redis, and ${is ? "is" : "isn't"} in the set`,
  );
}
