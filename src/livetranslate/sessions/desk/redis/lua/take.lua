-- ARGV: worker, silent_s, max_attempts, then the jobs that it is at. Answers {job, kind, size of the
-- payload, wanted worker or ''} of the oldest job for this worker, or nothing.
local worker = ARGV[1]
redis.call('ZADD', HEARD, string.format('%.0f', microseconds()), worker)
tidy(tonumber(ARGV[2]), tonumber(ARGV[3]))

-- Jobs that were given to it in answers which it never got.
local known = {}
for i = 4, #ARGV do known[ARGV[i]] = true end
local held = redis.call('HGETALL', HELD)
for i = 1, #held, 2 do
  if held[i + 1] == worker and not known[held[i]] then
    redis.call('HINCRBY', job_key(held[i]), 'attempts', -1)
    requeue(held[i])
  end
end

for _, job in ipairs(redis.call('ZRANGE', QUEUE, 0, -1)) do
  local wanted = redis.call('HGET', WANTED, job) or ''
  if wanted == '' or wanted == worker then
    redis.call('ZREM', QUEUE, job)
    redis.call('HSET', HELD, job, worker)
    redis.call('HINCRBY', job_key(job), 'attempts', 1)
    local kind = redis.call('HGET', job_key(job), 'kind')
    return {job, kind, redis.call('STRLEN', payload_key(job)), wanted}
  end
end
return false
