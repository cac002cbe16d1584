-- KEYS: queue, open. ARGV: session, entry. The session wants no worker any more.
if ARGV[2] ~= '' then
  redis.call('XACK', KEYS[1], 'workers', ARGV[2])
  redis.call('XDEL', KEYS[1], ARGV[2])
end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
