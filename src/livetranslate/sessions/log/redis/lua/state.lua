-- ARGV: fields.
if redis.call('EXISTS', STATE) == 0 then return {'missing'} end
return {'ok', now_ms(), redis.call('HMGET', STATE, unpack(ARGV))}
