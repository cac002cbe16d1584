-- ARGV: worker, epoch.
local v = redis.call('HMGET', STATE, 'worker', 'epoch', 'entry')
if v[1] ~= ARGV[1] or v[2] ~= ARGV[2] then return {'lost', v[2]} end
return {'ok', v[3]}
