-- ARGV: number behind which is read, most events.
local phase = redis.call('HGET', STATE, 'phase')
if not phase then return {'missing'} end
local after = tonumber(ARGV[1])
local finals = redis.call('XRANGE', EVENTS, (after + 1) .. '-0', '+', 'COUNT', ARGV[2])
local previews = {}
for _, held in ipairs(redis.call('HVALS', PREVIEWS)) do
  if tonumber(string.match(held, '^%d+')) > after then previews[#previews + 1] = held end
end
return {phase, finals, previews}
