local entry = redis.call('HGET', STATE, 'entry')
if not entry then return {'missing'} end
redis.call('DEL', STATE, ENTRIES, EVENTS, PREVIEWS, CONFIGS)
wake(STATE)
wake(ENTRIES)
wake(EVENTS)
return {'ok', entry}
