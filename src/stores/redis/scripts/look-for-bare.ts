/** Reads at once, of many keys, those that the library never wrote; of the others it says that they need an exact look. */

/**
 * KEYS: fence, then for each record or counter its key and companion.
 * Answers with the fence, the bare values in their order, and for each key `v` and its expiry in milliseconds (none: it has none),
 * `n` for nothing, `t` for another Redis type, or `c` where a companion stands. Writes nothing.
 */
export const LOOK_FOR_BARE = `
local tells_expiry = true
local function expiry_of(key)
  if tells_expiry then
    local at = redis.pcall('PEXPIRETIME', key)
    if type(at) == 'number' then return at end
    tells_expiry = false
  end
  local left = redis.call('PTTL', key)
  if left < 0 then return left end
  local clock = redis.call('TIME')
  return tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + left
end

local values, marks = {}, {}
-- Lua passes a few thousand values at most to one call.
local STEP = 1000
for from = 2, #KEYS, STEP do
  local held = redis.call('MGET', unpack(KEYS, from, math.min(from + STEP - 1, #KEYS)))
  for i = 1, #held, 2 do
    local key, raw = KEYS[from + i - 1], held[i]
    if held[i + 1] then
      marks[#marks + 1] = 'c'
    elseif raw then
      local at = expiry_of(key)
      values[#values + 1] = raw
      marks[#marks + 1] = at < 0 and 'v' or string.format('v%.0f', at)
    else
      marks[#marks + 1] = redis.call('EXISTS', key) == 1 and 't' or 'n'
    end
  end
end
return { redis.call('GET', KEYS[1]) or '', values, table.concat(marks, ' ') }
`;
