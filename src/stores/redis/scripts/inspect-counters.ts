/** Reads counters exactly and, where asked, takes what bypass writers counted into their parts. */
import { COUNTER_PRELUDE } from "./counter-prelude.js";

/**
 * KEYS: fence, log, overflow, then for each counter its key and companion.
 * ARGV: run id, collection, log limit, count, mode (`none`, `changed`, `bare`), term, then the ids.
 */
export const INSPECT_COUNTERS = `${COUNTER_PRELUDE}
local fence = read_fence(KEYS[1])
local run, collection, limit, count, mode, term = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local valid = fence ~= nil and fence.run == run
local complete = valid and is_complete(fence, collection)
-- What a Redis counts alone isn't brought together with the other store's count yet, so nobody may be told.
local agreed = valid and fence.agreed == '1'
local may_adopt = agreed and mode ~= 'none' and fence.role == 'authority' and fence.term == term
local results = {}
for i = 1, count do
  local key, companion_key = KEYS[2 + i * 2], KEYS[3 + i * 2]
  local h = held_counter(key, companion_key)
  if may_adopt and h.kind ~= 'unreadable' and (complete or h.term == fence.term) then
    local c = h.companion
    local deleted = h.kind == 'absent' and complete and c and c.last > 0 and not (c.expires and c.expires <= now_ms)
    local changed = (h.kind == 'value' and h.bypass and c) or deleted
    local bare = mode == 'bare' and not c and (h.kind == 'value' or complete)
    if changed or bare then
      adopt_counter(key, companion_key, h, fence.term, -1, 0, KEYS[2], KEYS[3], limit, ARGV[6 + i])
    end
  end
  local compared = (agreed and (complete or h.term == fence.term)) and '1' or '0'
  if h.kind == 'unreadable' then
    results[i] = { 'unreadable', h.reason }
  elseif h.kind == 'value' then
    results[i] = { 'value', text(h.gen), text(h.red), text(h.pg), text(h.stamp), or_dash(h.expires), h.ops, h.bypass and '1' or '0', compared }
  else
    local c = h.companion
    if c then
      results[i] = { 'absent', text(c.gen), text(math.max(c.last - c.pg, 0)), text(c.pg), text(c.stamp), or_dash(c.expires), c.ops, '0', compared }
    else
      results[i] = { 'absent' , compared }
    end
  end
end
return { fence and fence.raw or '', results }
`;
