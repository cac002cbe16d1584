-- ARGV: kind, config, feeder, recorded.
if redis.call('EXISTS', STATE) == 1 then return {'conflict'} end
local now = now_ms()
redis.call('HSET', STATE, 'phase', 'open', 'kind', ARGV[1], 'created_at', now, 'config', ARGV[2],
  'base', ARGV[2], 'version', 0, 'next_seq', 0, 'samples', 0, 'next', 0, 'first', 0, 'dropped', 0,
  'processed', -1, 'processed_samples', 0, 'furthest', -1, 'attempts', 0, 'epoch', 0, 'worker', '',
  'entry', '', 'active_at', now, 'feeder', ARGV[3], 'attended_at', now, 'ending', '', 'ending_at', 0,
  'ended_at', 0, 'last_event', 0, 'recorded', ARGV[4], 'recorder_at', now)
return {'ok'}
