-- ARGV: reason, least silence in milliseconds (so that an expiry does not meet a session that woke).
local v = redis.call('HMGET', STATE, 'phase', 'samples', 'next', 'active_at')
if not v[1] then return {'missing'} end
local now = now_ms()
if v[1] ~= 'open' or now - tonumber(v[4]) < tonumber(ARGV[2]) then return {'ok'} end
local next = tonumber(v[3])
redis.call('XADD', ENTRIES, (next + 1) .. '-0', 'k', 'e', 's', 0, 'x', v[2], 'd', ARGV[1])
redis.call('HSET', STATE, 'phase', 'ending', 'ending', ARGV[1], 'ending_at', now, 'next', next + 1)
wake(ENTRIES)
wake(STATE)
return {'ok'}
