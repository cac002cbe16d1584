-- ARGV: feeder.
local phase = redis.call('HGET', STATE, 'phase')
if not phase then return {'missing'} end
if phase == 'open' then
  local now = now_ms()
  redis.call('HSET', STATE, 'feeder', ARGV[1], 'attended_at', now, 'active_at', now)
  wake(STATE)
end
return {'ok'}
