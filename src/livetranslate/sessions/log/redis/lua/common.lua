-- Shared by all scripts of a session. KEYS: state, entries, events, previews, configs.
local STATE, ENTRIES, EVENTS, PREVIEWS, CONFIGS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

-- Milliseconds of the server's clock, the one clock of the installation.
local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function wake(key)
  redis.call('PUBLISH', key, '')
end

-- Adds events, which stand in ARGV from `first` on as triples (preview key, is preview, event), and
-- closes the session if `closing` gives a reason. Returns the newest event's number.
local function write_events(first, closing)
  local last = tonumber(redis.call('HGET', STATE, 'last_event'))
  for i = first, #ARGV, 3 do
    last = last + 1
    local key, preview, event = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if preview == '1' then
      redis.call('HSET', PREVIEWS, key, last .. ':' .. event)
    else
      if key ~= '' then redis.call('HDEL', PREVIEWS, key) end
      redis.call('XADD', EVENTS, last .. '-0', 'e', event)
    end
  end
  redis.call('HSET', STATE, 'last_event', last)
  if closing ~= '' then
    local now = now_ms()
    local v = redis.call('HMGET', STATE, 'ending', 'samples', 'next')
    if v[1] == '' then redis.call('HSET', STATE, 'ending_at', now) end
    redis.call('HSET', STATE, 'ending', closing, 'phase', 'ended', 'ended_at', now, 'worker', '',
      'dropped', v[2], 'processed_samples', v[2], 'first', v[3])
    redis.call('HDEL', STATE, 'checkpoint', 'checkpoint_state')
    redis.call('DEL', ENTRIES, CONFIGS)
    wake(ENTRIES)
    wake(STATE)
  end
  if #ARGV >= first then wake(EVENTS) end
  return last
end
