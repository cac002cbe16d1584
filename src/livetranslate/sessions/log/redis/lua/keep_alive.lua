if redis.call('EXISTS', STATE) == 0 then return {'missing'} end
redis.call('HSET', STATE, 'active_at', now_ms())
return {'ok'}
