-- ARGV: worker, epoch ('' for whichever it holds).
local v = redis.call('HMGET', STATE, 'worker', 'epoch', 'entry')
if not v[1] then return {'missing'} end
if v[1] ~= ARGV[1] or v[1] == '' or (ARGV[2] ~= '' and v[2] ~= ARGV[2]) then return {'lost'} end
redis.call('HSET', STATE, 'worker', '')
return {'ok', v[3]}
