-- KEYS: queue, index, open, order. ARGV: session, most open sessions.
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[2]) then return false end
local order = redis.call('INCR', KEYS[4])
redis.call('ZADD', KEYS[2], order, ARGV[1])
redis.call('ZADD', KEYS[3], order, ARGV[1])
local entry = redis.call('XADD', KEYS[1], '*', 'session_id', ARGV[1])
redis.call('PUBLISH', KEYS[1], '')
return entry
