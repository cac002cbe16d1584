-- ARGV: version of the configuration it was made for, update, whole new configuration, most samples
-- waiting, most entries.
local v = redis.call('HMGET', STATE, 'phase', 'version', 'samples', 'next', 'first', 'dropped',
  'processed_samples', 'ending')
if not v[1] then return {'missing'} end
if v[1] ~= 'open' then return {'closed', v[8]} end
redis.call('HSET', STATE, 'active_at', now_ms())
if v[2] ~= ARGV[1] then return {'changed'} end
local samples, next, most = tonumber(v[3]), tonumber(v[4]), tonumber(ARGV[4])
if samples - tonumber(v[7]) >= most or samples - tonumber(v[6]) >= 2 * most
  or next - tonumber(v[5]) >= tonumber(ARGV[5]) then
  return {'full'}
end
local id = (next + 1) .. '-0'
redis.call('XADD', ENTRIES, id, 'k', 'u', 's', 0, 'x', samples, 'd', ARGV[2])
redis.call('XADD', CONFIGS, id, 'c', ARGV[3])
redis.call('HSET', STATE, 'config', ARGV[3], 'version', tonumber(v[2]) + 1, 'next', next + 1)
wake(ENTRIES)
return {'ok'}
