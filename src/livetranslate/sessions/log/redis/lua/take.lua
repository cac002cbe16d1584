-- ARGV: worker, id of the entry in the queue that was read.
local v = redis.call('HMGET', STATE, 'phase', 'entry', 'epoch', 'first', 'dropped', 'attempts',
  'base', 'checkpoint', 'checkpoint_state')
if not v[1] or v[1] == 'ended' then return {'gone'} end
if v[2] ~= '' and v[2] ~= ARGV[2] then return {'gone'} end
local epoch = tonumber(v[3]) + 1
redis.call('HSET', STATE, 'worker', ARGV[1], 'epoch', epoch, 'entry', ARGV[2],
  'processed', tonumber(v[4]) - 1, 'processed_samples', v[5], 'attempts', tonumber(v[6]) + 1)
return {'ok', epoch, v[7], v[8], v[9]}
