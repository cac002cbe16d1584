-- ARGV: number of the newest event that is in the database.
local recorded = redis.call('HGET', STATE, 'recorded')
if not recorded then return {'missing'} end
local most = math.max(tonumber(recorded), tonumber(ARGV[1]))
redis.call('HSET', STATE, 'recorded', most, 'recorder_at', now_ms())
return {'ok'}
