/** Lua that several scripts share: the clock, stamps, the fence's and the companions' text forms, and what stands for a record. */
import { COUNTER_OPERATIONS, RECORD_OPERATIONS, RETENTION_MS } from "../../state.js";

export const PRELUDE = `
local RETENTION = ${RETENTION_MS}
local RECORD_OPS = ${RECORD_OPERATIONS}
local COUNTER_OPS = ${COUNTER_OPERATIONS}

-- Numbers above 2^53 never occur; the default format would round from 1e14 on.
-- Most are wanted more than once: terms, the stamps of one moment, expiries.
local texts = {}
local function text(n)
  local known = texts[n]
  if not known then
    known = string.format('%.0f', n)
    texts[n] = known
  end
  return known
end
local function or_dash(n) if n then return text(n) end return '-' end

local clock = redis.call('TIME')
local now_micros = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local now_ms = math.floor(now_micros / 1000)

-- Rises above what is held; even, since Redis is the authority that gives it.
local function next_stamp(held)
  local base = math.max(now_micros, held + 1)
  if base % 2 == 1 then base = base + 1 end
  return base
end

local function read_fence(key)
  local raw = redis.call('GET', key)
  if not raw then return nil end
  local term, role, run, complete, names, trusted, agreed = string.match(raw, '^(%d+) (%a+) (%S+) (%d) (%S+) (%d) (%d)$')
  if not term then return nil end
  return { raw = raw, term = tonumber(term), role = role, run = run, complete = complete == '1', names = names,
    trusted = trusted == '1', agreed = agreed }
end

local function is_complete(fence, collection)
  local excepted = string.find(',' .. fence.names .. ',', ',' .. collection .. ',', 1, true) ~= nil
  return fence.complete ~= excepted
end

local function write_fence(key, fence)
  fence.raw = text(fence.term) .. ' ' .. fence.role .. ' ' .. fence.run .. ' ' .. (fence.complete and '1' or '0') .. ' '
    .. fence.names .. ' ' .. (fence.trusted and '1' or '0') .. ' ' .. fence.agreed
  redis.call('SET', key, fence.raw)
end

-- The moment at which a key expires. PEXPIRETIME exists from Redis 7 on.
local function expiry_of(key)
  local at = redis.pcall('PEXPIRETIME', key)
  if type(at) == 'number' then
    if at < 0 then return nil end
    return at
  end
  local left = redis.call('PTTL', key)
  if left < 0 then return nil end
  return now_ms + left
end

local function same_moment(a, b)
  if a == nil or b == nil then return a == b end
  return math.abs(a - b) <= 1
end

local function has_operation(list, id)
  return id ~= '' and string.find(',' .. list .. ',', ',' .. id .. ',', 1, true) ~= nil
end

-- Before Redis 6.2 it takes two commands.
local function set_until(key, value, at)
  if not at then return redis.call('SET', key, value) end
  if redis.pcall('SET', key, value, 'PXAT', text(at)).err then
    redis.call('SET', key, value)
    redis.call('PEXPIREAT', key, text(at))
  end
end

local function count_commas(list)
  local count, at = 0, string.find(list, ',', 1, true)
  while at do
    count = count + 1
    at = string.find(list, ',', at + 1, true)
  end
  return count
end

-- An id that the list hasn't got goes after all others; the oldest beyond the limit are forgotten.
local function append_operation(held, id, limit)
  if held == '-' or held == '' then return id end
  for _ = limit - 1, count_commas(held) do held = string.sub(held, string.find(held, ',', 1, true) + 1) end
  return held .. ',' .. id
end

-- Where one list follows from the other, as it nearly always does: the two joined, without taking them apart. Else nil.
local function continue_operations(held, added, limit)
  local at = string.find(',' .. held .. ',', ',' .. string.match(added, '^[^,]+') .. ',', 1, true)
  if at then
    -- The end of the one is the beginning of the other, which is all that is kept.
    local overlap = string.sub(held, at) .. ','
    local follows = string.sub(added .. ',', 1, #overlap) == overlap
    local commas = follows and count_commas(added) or limit
    return (commas == limit - 1 or (at == 1 and commas < limit)) and added or nil
  end
  if string.find(added, ',', 1, true) then return nil end
  return append_operation(held, added, limit)
end

-- Appends ids (comma-separated) and forgets the oldest beyond the limit.
local function join_operations(held, added, limit)
  if held == '-' or held == '' then held = nil end
  if added == '-' or added == '' then added = nil end
  if not held and not added then return '-' end
  local continued = held and added and continue_operations(held, added, limit)
  if continued then return continued end
  local list, seen = {}, {}
  for id in string.gmatch((held or '') .. ',' .. (added or ''), '[^,]+') do
    if not seen[id] then seen[id] = true; list[#list + 1] = id end
  end
  local from = math.max(1, #list - limit + 1)
  return table.concat(list, ',', from, #list)
end

-- Entries that the log of this script's collection takes without looking whether it is full; nil: not counted yet.
local room = nil

-- An entry holds the greatest stamp; a full log becomes one mark, and writes go on.
local function log_entry(log, overflow, limit, id, stamp)
  if room == nil then room = limit - redis.call('ZCARD', log) end
  if room > 0 then
    room = room - redis.call('ZADD', log, text(stamp), id)
  elseif redis.call('ZSCORE', log, id) then
    redis.call('ZADD', log, text(stamp), id)
  else
    redis.call('SET', overflow, text(stamp))
  end
end
`;

/** What stands for a record under a key and its companion. */
export const RECORD_PRELUDE = `${PRELUDE}
local function parse_companion(raw)
  if not raw then return nil end
  -- The ids, most of it, needn't be looked through.
  local stamp, term, expires, digest, at = string.match(raw, '^(%d+) (%d+) (%S+) (%S+) ()')
  return { stamp = tonumber(stamp), term = tonumber(term), expires = tonumber(expires), digest = digest, ops = string.sub(raw, at) }
end

local function write_companion(key, c)
  local raw = text(c.stamp) .. ' ' .. text(c.term) .. ' ' .. or_dash(c.expires) .. ' ' .. c.digest .. ' ' .. c.ops
  set_until(key, raw, c.expires and c.expires + RETENTION)
  return raw
end

-- kind: value | tombstone | expired | vanished | absent | unreadable
local function held_record(key, companion_key)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'table' then return { kind = 'unreadable', stamp = 0, ops = '-' } end
  local c = parse_companion(redis.call('GET', companion_key))
  local h = { companion = c, stamp = c and c.stamp or 0, term = c and c.term or 0, ops = c and c.ops or '-' }
  if raw then
    h.kind = 'value'
    h.raw = raw
    h.digest = redis.sha1hex(raw)
    h.expires = expiry_of(key)
    h.bypass = c == nil or c.digest ~= h.digest or not same_moment(c.expires, h.expires)
  elseif not c then
    h.kind = 'absent'
  elseif c.digest == '-' then
    h.kind = 'tombstone'
  elseif c.expires and c.expires <= now_ms then
    h.kind = 'expired'
    h.expires = c.expires
  else
    h.kind = 'vanished'
  end
  return h
end

local function put_value(key, bytes, expires)
  set_until(key, bytes, expires)
end

-- Gives a bypass writer's value, expiry or delete the next stamp above the one held and the one told.
local function adopt_record(key, companion_key, h, term, told, log, overflow, limit, id)
  local stamp = next_stamp(math.max(h.stamp, told))
  local c = { stamp = stamp, term = term, ops = h.ops, digest = '-' }
  if h.kind == 'value' then
    c.digest = h.digest
    c.expires = h.expires
  end
  write_companion(companion_key, c)
  log_entry(log, overflow, limit, id, stamp)
  h.stamp, h.term, h.companion, h.bypass = stamp, term, c, false
  if h.kind ~= 'value' then h.kind = 'tombstone' end
end

local function describe(h, complete, fence_term)
  if h.kind == 'unreadable' or h.kind == 'absent' then return { h.kind } end
  local compared = complete or h.term == fence_term
  return { h.kind, text(h.stamp), h.raw or '', or_dash(h.expires), h.ops, h.bypass and '1' or '0', compared and '1' or '0' }
end

local FOLLOWED_BY_OTHER = 'a set that follows the record is a key of another Redis type'

-- Asked before anything is written: a script that failed at such a key would leave half of what it had to do.
local function can_follow(key_at, arg_at, count)
  for n = 0, count - 1 do
    local kind = ARGV[arg_at + n * 3]
    if kind == 'add' or kind == 'remove' then
      local held = redis.call('TYPE', KEYS[key_at + n]).ok
      if held ~= 'set' and held ~= 'none' then return false end
    end
  end
  return true
end

-- Sets and index entries that follow the record: KEYS after its own, groups of three (kind, member, ttl) in ARGV.
local function follow(key_at, arg_at, count, stamp)
  for n = 0, count - 1 do
    local key, kind, member, ttl = KEYS[key_at + n], ARGV[arg_at + n * 3], ARGV[arg_at + n * 3 + 1], ARGV[arg_at + n * 3 + 2]
    if kind == 'add' then
      redis.call('SADD', key, member)
    elseif kind == 'remove' then
      redis.call('SREM', key, member)
    else
      redis.call('ZADD', key, text(stamp), member)
    end
    if ttl ~= '-' then redis.call('EXPIRE', key, ttl) end
  end
end
`;
