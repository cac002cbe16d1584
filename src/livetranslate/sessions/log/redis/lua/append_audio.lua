-- ARGV: seq, samples, feeder ('' for any), most samples waiting, most entries.
local v = redis.call('HMGET', STATE, 'phase', 'feeder', 'next_seq', 'samples', 'next', 'first',
  'dropped', 'processed_samples', 'ending')
if not v[1] then return {'missing'} end
local open, seq, now = v[1] == 'open', tonumber(ARGV[1]), now_ms()
if ARGV[3] ~= '' then
  if open and v[2] ~= ARGV[3] then return {'busy', v[2]} end
  redis.call('HSET', STATE, 'attended_at', now)
end
redis.call('HSET', STATE, 'active_at', now)
local next_seq, samples, next = tonumber(v[3]), tonumber(v[4]), tonumber(v[5])
local processed = tonumber(v[8])
if seq < next_seq then return {'ok', next_seq - 1, samples - processed} end
if not open then return {'closed', v[9]} end
if seq > next_seq then return {'gap', next_seq} end
local most = tonumber(ARGV[4])
if samples - processed >= most or samples - tonumber(v[7]) >= 2 * most
  or next - tonumber(v[6]) >= tonumber(ARGV[5]) then
  return {'full'}
end
samples = samples + #ARGV[2] / 2
redis.call('XADD', ENTRIES, (next + 1) .. '-0', 'k', 'a', 's', seq, 'x', samples, 'd', ARGV[2])
redis.call('HSET', STATE, 'next_seq', seq + 1, 'samples', samples, 'next', next + 1)
wake(ENTRIES)
return {'ok', seq, samples - processed}
