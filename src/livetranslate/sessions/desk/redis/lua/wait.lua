-- ARGV: job, seconds to live. Answers {outcome, value} and forgets the job; nothing while there is
-- none, and lets the job live on; {'gone', ''} if it is not known any more.
local key = job_key(ARGV[1])
if redis.call('EXISTS', key) == 0 then return {'gone', ''} end
local found = redis.call('HMGET', key, 'outcome', 'value')
if found[1] then
  forget(ARGV[1])
  return found
end
redis.call('EXPIRE', key, ARGV[2])
redis.call('EXPIRE', payload_key(ARGV[1]), ARGV[2])
return false
