-- ARGV: id of the session's entry in the queue. Kept unless a worker was quicker to say so.
if redis.call('HGET', STATE, 'entry') == '' then redis.call('HSET', STATE, 'entry', ARGV[1]) end
return {'ok'}
