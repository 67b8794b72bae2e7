/** Reads records exactly and, where asked, adopts what bypass writers did. */
import { RECORD_PRELUDE } from "./prelude.js";

/**
 * KEYS: fence, log, overflow, then for each record its key and its companion.
 * ARGV: run id, collection, log limit, count, mode (`none`, `changed`, `bare`), term, then the ids.
 */
export const INSPECT_RECORDS = `${RECORD_PRELUDE}
local fence = read_fence(KEYS[1])
local run, collection, limit, count, mode, term = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local valid = fence ~= nil and fence.run == run
local complete = valid and is_complete(fence, collection)
local may_adopt = valid and mode ~= 'none' and fence.role == 'authority' and fence.term == term
local results = {}
for i = 1, count do
  local key, companion_key = KEYS[2 + i * 2], KEYS[3 + i * 2]
  local h = held_record(key, companion_key)
  if may_adopt then
    local changed = (h.kind == 'value' and h.bypass and h.companion) or (h.kind == 'vanished' and complete)
    local bare = mode == 'bare' and ((h.kind == 'value' and not h.companion) or (h.kind == 'absent' and complete))
    -- While states are uncompared the other store may hold something newer than what is adopted here.
    if (changed or bare) and (complete or h.term == fence.term) then
      adopt_record(key, companion_key, h, fence.term, 0, KEYS[2], KEYS[3], limit, ARGV[6 + i])
    end
  end
  results[i] = describe(h, complete, valid and fence.term or -1)
end
return { fence and fence.raw or '', results }
`;
