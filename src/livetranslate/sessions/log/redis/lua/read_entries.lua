-- ARGV: position behind which is read, most entries.
local phase = redis.call('HGET', STATE, 'phase')
if not phase then return {'missing'} end
local from = tonumber(ARGV[1]) + 2
return {phase, redis.call('XRANGE', ENTRIES, from .. '-0', '+', 'COUNT', ARGV[2])}
