-- ARGV: job, kind, wanted worker or '', caller's channel, seconds to live, max_queued, silent_s,
-- max_attempts. Answers 'ok', 'unknown' (no such worker) or 'full'.
local job, worker = ARGV[1], ARGV[3]
tidy(tonumber(ARGV[7]), tonumber(ARGV[8]))
if worker ~= '' and not redis.call('ZSCORE', HEARD, worker) then return 'unknown' end
if redis.call('ZCARD', QUEUE) >= tonumber(ARGV[6]) then return 'full' end
local submitted = string.format('%.0f', microseconds())
local key = job_key(job)
redis.call('HSET', key, 'kind', ARGV[2], 'caller', ARGV[4], 'attempts', 0, 'submitted', submitted)
redis.call('EXPIRE', key, ARGV[5])
redis.call('EXPIRE', payload_key(job), ARGV[5])
redis.call('ZADD', QUEUE, submitted, job)
if worker ~= '' then redis.call('HSET', WANTED, job, worker) end
redis.call('PUBLISH', CALLS, '')
return 'ok'
