-- ARGV: reason of the end ('' for none), events.
local v = redis.call('HMGET', STATE, 'phase', 'entry')
if not v[1] then return {'missing'} end
if v[1] == 'ended' then return {'closed'} end
return {'ok', write_events(2, ARGV[1]), v[2]}
