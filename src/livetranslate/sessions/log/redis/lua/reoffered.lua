-- ARGV: the entry that is lost, the one in its place.
if redis.call('HGET', STATE, 'entry') ~= ARGV[1] then return {'no'} end
redis.call('HSET', STATE, 'entry', ARGV[2])
return {'ok'}
