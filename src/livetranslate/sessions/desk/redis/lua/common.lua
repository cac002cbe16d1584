-- KEYS[1] is what every key of a desk begins with, hash tag included, so that all are in one slot.
local desk = KEYS[1]
local QUEUE = desk .. 'queue'       -- jobs that wait, by the time they were submitted
local WANTED = desk .. 'wanted'     -- job -> the worker that must do it, for those that name one
local HELD = desk .. 'held'         -- job -> the worker that is at it
local HEARD = desk .. 'heard'       -- workers, by the time they were last heard of
local REPORTS = desk .. 'reports'   -- worker -> its newest report
local REPORTED = desk .. 'reported' -- workers, by the time of that report
local CALLS = desk .. 'calls'       -- channel: there may be work

local function job_key(job) return desk .. 'job:' .. job end
local function payload_key(job) return desk .. 'payload:' .. job end

local function microseconds()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Take a job from the queue and from its worker.
local function unlist(job)
  redis.call('ZREM', QUEUE, job)
  redis.call('HDEL', WANTED, job)
  redis.call('HDEL', HELD, job)
end

local function forget(job)
  unlist(job)
  redis.call('DEL', job_key(job), payload_key(job))
end

-- Leave an outcome for whoever waits; nothing happens if there is one, or nobody waits any more.
local function settle(job, kind, value)
  unlist(job)
  redis.call('DEL', payload_key(job))
  local key = job_key(job)
  if redis.call('EXISTS', key) == 0 or redis.call('HEXISTS', key, 'outcome') == 1 then return end
  redis.call('HSET', key, 'outcome', kind, 'value', value)
  redis.call('PUBLISH', redis.call('HGET', key, 'caller'), '')
end

-- Queue a job again, in its old place; one whose caller is gone is forgotten.
local function requeue(job)
  redis.call('HDEL', HELD, job)
  local submitted = redis.call('HGET', job_key(job), 'submitted')
  if submitted then redis.call('ZADD', QUEUE, submitted, job) else forget(job) end
end

local function lose(worker, max_attempts)
  redis.call('ZREM', HEARD, worker)
  redis.call('ZREM', REPORTED, worker)
  redis.call('HDEL', REPORTS, worker)
  local wanted = redis.call('HGETALL', WANTED)
  for i = 1, #wanted, 2 do
    if wanted[i + 1] == worker then
      settle(wanted[i], 'lost', 'worker ' .. worker .. ' was lost')
    end
  end
  local held = redis.call('HGETALL', HELD)
  for i = 1, #held, 2 do
    if held[i + 1] == worker then
      local attempts = tonumber(redis.call('HGET', job_key(held[i]), 'attempts') or 0)
      if attempts >= max_attempts then
        settle(held[i], 'lost', attempts .. ' workers were lost over this job')
      else
        requeue(held[i])
      end
    end
  end
  redis.call('PUBLISH', CALLS, '')
end

-- Count workers as lost that have been silent for too long, and forget jobs that nobody wants.
local function tidy(silent_s, max_attempts)
  local before = string.format('%.0f', microseconds() - silent_s * 1000000)
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', HEARD, '-inf', before)) do
    lose(worker, max_attempts)
  end
  for _, job in ipairs(redis.call('ZRANGE', QUEUE, 0, -1)) do
    if redis.call('EXISTS', job_key(job)) == 0 then forget(job) end
  end
end
