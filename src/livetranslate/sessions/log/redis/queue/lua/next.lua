-- KEYS: queue. ARGV: worker, milliseconds after which an entry that nobody touched may be taken.
-- Takes the oldest entry whose holder is silent or gave it back, else the oldest that nobody had.
local idle = redis.call('XPENDING', KEYS[1], 'workers', 'IDLE', ARGV[2], '-', '+', 1)[1]
if idle then
  local taken = redis.call('XAUTOCLAIM', KEYS[1], 'workers', ARGV[1], ARGV[2], idle[1], 'COUNT', 1)
  if taken[2][1] then return taken[2][1] end
end
local new = redis.call('XREADGROUP', 'GROUP', 'workers', ARGV[1], 'COUNT', 1, 'STREAMS', KEYS[1], '>')
return new and new[1][2][1] or false
