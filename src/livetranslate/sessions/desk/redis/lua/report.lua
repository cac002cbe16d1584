-- ARGV: worker, report.
local now = string.format('%.0f', microseconds())
redis.call('ZADD', HEARD, now, ARGV[1])
redis.call('ZADD', REPORTED, now, ARGV[1])
redis.call('HSET', REPORTS, ARGV[1], ARGV[2])
