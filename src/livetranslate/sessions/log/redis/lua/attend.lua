-- ARGV: feeder.
local v = redis.call('HMGET', STATE, 'phase', 'feeder')
if v[1] ~= 'open' or v[2] ~= ARGV[1] then return {'no'} end
redis.call('HSET', STATE, 'attended_at', now_ms())
return {'ok'}
