/** The mirror's step for records, where stamps are compared, and the put-back into an authority that lost its memory. */
import { RECORD_PRELUDE } from "./prelude.js";

/**
 * KEYS: fence, log, overflow, then for each record its key, its companion and the keys that follow it.
 * ARGV: term, run id, collection, log limit, count, then for each record: id, stamp, change (`set`/`delete`), bytes, expiry,
 * operation ids, number of follow keys, and three arguments for each of those.
 */
export const APPLY_RECORDS = `${RECORD_PRELUDE}
local fence = read_fence(KEYS[1])
local term, run, collection, limit, count = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if not fence or fence.run ~= run or term < fence.term then
  return { 'fenced', fence and fence.raw or '' }
end
if term > fence.term then
  fence.term = term
  fence.role = 'mirror'
  write_fence(KEYS[1], fence)
end
local authority = fence.role == 'authority'
local complete = is_complete(fence, collection)

-- Whether a state may be written over what stands: 'write', 'keep', or 'adopt' what a bypass writer did.
local function decide(h, stamp)
  -- Nothing is missing in an authority that is complete, nor in one that was closed: it may be opened again.
  if complete and fence.role ~= 'mirror' then return 'keep' end
  if not authority then
    if stamp == 0 then return h.kind == 'absent' and 'write' or 'keep' end
    -- What a bypass writer changed is replaced by the very state that he changed, too.
    local changed = h.bypass or h.kind == 'vanished'
    return (stamp > h.stamp or (changed and stamp == h.stamp)) and 'write' or 'keep'
  end
  if h.kind == 'absent' then return 'write' end
  if h.kind == 'value' and not h.companion then
    if stamp > 0 and not fence.trusted then return 'write' end
    return 'adopt'
  end
  if h.term == fence.term and (h.bypass or h.kind == 'vanished') then return 'adopt' end
  if stamp > h.stamp and not (h.bypass and fence.trusted) then return 'write' end
  if h.bypass or h.kind == 'vanished' then return 'adopt' end
  return 'keep'
end

local results = {}
local k, a = 4, 6
for i = 1, count do
  local key, companion_key = KEYS[k], KEYS[k + 1]
  local id, stamp, change, bytes, ops, follows = ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2], ARGV[a + 3], ARGV[a + 5], tonumber(ARGV[a + 6])
  local expires = tonumber(ARGV[a + 4])
  local h = held_record(key, companion_key)
  local live = h.kind == 'value'
  local same_content = (live and change == 'set' and h.raw == bytes and same_moment(h.expires, expires))
    or (change == 'delete' and not live)
    or (change == 'set' and h.kind == 'expired' and same_moment(h.expires, expires))
  local decision = h.kind == 'unreadable' and 'reject' or decide(h, stamp)
  -- A bare value that the other store knows just so stays bare: nobody gets a companion unless it must.
  if decision == 'adopt' and live and not h.companion and stamp == 0 and same_content then decision = 'keep' end
  if decision == 'reject' then
    results[i] = { 'rejected', 'the key holds another Redis type' }
  elseif decision == 'write' and not can_follow(k + 2, a + 7, follows) then
    results[i] = { 'rejected', FOLLOWED_BY_OTHER }
  elseif decision == 'write' then
    local overwrote = ((live and h.bypass) or h.kind == 'vanished') and not same_content
    -- Without a stamp only an authority that lost its memory needs a companion: it says that the record is compared.
    if stamp > 0 or authority then
      -- Its own operations only: it needn't descend from what it replaces.
      local c = { stamp = stamp, term = fence.term, digest = '-', ops = ops }
      if change == 'set' then
        c.expires = expires
        c.digest = redis.sha1hex(bytes)
      end
      write_companion(companion_key, c)
      -- Both stores hold this delete now: its trace may go after the retention.
      if change ~= 'set' then redis.call('PEXPIRE', companion_key, RETENTION) end
    end
    if change == 'set' then put_value(key, bytes, expires) else redis.call('DEL', key) end
    follow(k + 2, a + 7, follows, stamp)
    results[i] = { 'applied', overwrote and '1' or '0' }
  elseif decision == 'adopt' then
    h.ops = join_operations(h.ops, ops, RECORD_OPS)
    adopt_record(key, companion_key, h, fence.term, stamp, KEYS[2], KEYS[3], limit, id)
    results[i] = { 'kept', text(h.stamp), '0' }
  else
    local same = h.stamp == stamp and same_content and not (h.bypass and h.companion) and h.kind ~= 'vanished'
    if authority and not complete and live and not h.companion then
      write_companion(companion_key, { stamp = 0, term = fence.term, expires = h.expires, digest = h.digest, ops = '-' })
    elseif authority and h.companion and h.term ~= fence.term then
      h.companion.term = fence.term
      local left = redis.call('PTTL', companion_key)
      write_companion(companion_key, h.companion)
      if left > 0 then redis.call('PEXPIRE', companion_key, left) end
    end
    results[i] = { 'kept', text(h.stamp), same and '1' or '0' }
  end
  k = k + 2 + follows
  a = a + 7 + follows * 3
end
return { 'ok', fence.raw, results }
`;
