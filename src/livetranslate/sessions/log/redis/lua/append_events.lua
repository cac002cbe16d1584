-- ARGV: worker, epoch, position of the checkpoint ('' for none), its state, position processed (''
-- for none), reason of the end ('' for none), events.
local v = redis.call('HMGET', STATE, 'worker', 'epoch', 'first', 'next', 'processed', 'furthest',
  'samples', 'dropped', 'entry')
if v[1] ~= ARGV[1] or v[2] ~= ARGV[2] then return {'lost', v[2]} end
local first, next = tonumber(v[3]), tonumber(v[4])
local checkpoint, taken_in = tonumber(ARGV[3]), tonumber(ARGV[5])
if (checkpoint and (checkpoint < first - 1 or checkpoint > next - 1))
  or (taken_in and taken_in > next - 1) then
  return {'wrong', first, next - 1}
end

local function samples_to(position)
  if position < first then return v[8] end
  local id = (position + 1) .. '-0'
  return redis.call('XRANGE', ENTRIES, id, id)[1][2][6]
end

local processed = tonumber(v[5])
local reached = math.max(taken_in or processed, checkpoint or processed)
if reached > processed then
  redis.call('HSET', STATE, 'processed', reached, 'processed_samples', samples_to(reached))
end
if reached > tonumber(v[6]) then redis.call('HSET', STATE, 'furthest', reached, 'attempts', 0) end
if checkpoint then
  local id = (checkpoint + 1) .. '-0'
  local config = redis.call('XREVRANGE', CONFIGS, id, '-', 'COUNT', 1)[1]
  if config then redis.call('HSET', STATE, 'base', config[2][2]) end
  redis.call('HSET', STATE, 'dropped', samples_to(checkpoint), 'first', checkpoint + 1,
    'checkpoint', checkpoint, 'checkpoint_state', ARGV[4])
  redis.call('XTRIM', ENTRIES, 'MINID', (checkpoint + 2) .. '-0')
  redis.call('XTRIM', CONFIGS, 'MINID', (checkpoint + 2) .. '-0')
end
if checkpoint or taken_in then wake(STATE) end
return {'ok', write_events(7, ARGV[6]), v[9]}
