-- ARGV: silent_s, max_attempts. Answers {jobs that wait, then of each worker: its report's age in
-- microseconds, the report}.
tidy(tonumber(ARGV[1]), tonumber(ARGV[2]))
local now = microseconds()
local found = {redis.call('ZCARD', QUEUE)}
local reported = redis.call('ZRANGE', REPORTED, 0, -1, 'WITHSCORES')
for i = 1, #reported, 2 do
  table.insert(found, now - tonumber(reported[i + 1]))
  table.insert(found, redis.call('HGET', REPORTS, reported[i]))
end
return found
