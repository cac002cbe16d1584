-- Put a version in force if the expected one is. The hash is also the channel's name.
-- KEYS: the configuration. ARGV: expected version, new version, the configuration as text.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 'outdated' end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'text', ARGV[3])
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 'ok'
