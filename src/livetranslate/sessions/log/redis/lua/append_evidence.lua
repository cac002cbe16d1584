-- ARGV: evidence, most samples waiting, most entries.
local v = redis.call('HMGET', STATE, 'phase', 'samples', 'next', 'first', 'dropped',
  'processed_samples', 'ending')
if not v[1] then return {'missing'} end
if v[1] ~= 'open' then return {'closed', v[7]} end
redis.call('HSET', STATE, 'active_at', now_ms())
local samples, next, most = tonumber(v[2]), tonumber(v[3]), tonumber(ARGV[2])
if samples - tonumber(v[6]) >= most or samples - tonumber(v[5]) >= 2 * most
  or next - tonumber(v[4]) >= tonumber(ARGV[3]) then
  return {'full'}
end
redis.call('XADD', ENTRIES, (next + 1) .. '-0', 'k', 's', 's', 0, 'x', samples, 'd', ARGV[1])
redis.call('HSET', STATE, 'next', next + 1)
wake(ENTRIES)
return {'ok'}
