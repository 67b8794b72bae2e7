/** Reads at once, of many keys, what stands and what its companion says. What that means is worked out by the caller. */

/**
 * KEYS: fence, then for each record or counter its key and companion. ARGV: bytes of values at most.
 * Answers with the fence, the server's clock (seconds, microseconds), for each key its value and its companion's text, and for each key
 * its expiry in milliseconds: -1 where it has none, -2 where nothing stands, -3 for another Redis type. Where the values are too great
 * together it ends before the one that doesn't fit: as many expiries as there are answers. Writes nothing.
 */
export const LOOK_AT_MANY = `
local clock = redis.call('TIME')
local tells_expiry = true
local function expiry_of(key)
  if tells_expiry then
    local at = redis.pcall('PEXPIRETIME', key)
    if type(at) == 'number' then return at end
    tells_expiry = false
  end
  local left = redis.call('PTTL', key)
  if left < 0 then return left end
  return tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + left
end

local held, expiries = {}, {}
local room = tonumber(ARGV[1])
-- So that great values don't come all at once before the first is seen.
local STEP = 128
for from = 2, #KEYS, STEP do
  local part = redis.call('MGET', unpack(KEYS, from, math.min(from + STEP - 1, #KEYS)))
  for i = 1, #part, 2 do
    if part[i] then room = room - #part[i] end
    if room < 0 then
      for rest = i, #part do part[rest] = false end
      break
    end
    local at = expiry_of(KEYS[from + i - 1])
    if not part[i] and at ~= -2 then at = -3 end
    expiries[#expiries + 1] = at
  end
  held[#held + 1] = part
  if room < 0 then break end
end
return { redis.call('GET', KEYS[1]) or '', clock, held, expiries }
`;
