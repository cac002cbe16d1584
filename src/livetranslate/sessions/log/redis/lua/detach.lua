-- ARGV: feeder.
local feeder = redis.call('HGET', STATE, 'feeder')
if not feeder then return {'missing'} end
if feeder ~= ARGV[1] then return {'no'} end
redis.call('HSET', STATE, 'feeder', '', 'attended_at', now_ms())
wake(STATE)
return {'ok'}
