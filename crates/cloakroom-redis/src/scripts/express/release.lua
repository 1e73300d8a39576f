-- Gives an id back that was kept for a rotation. KEYS: the new session, its mark. ARGV: the old id.
if redis.call('HGET', KEYS[2], 'w') == ARGV[1] then return redis.call('DEL', KEYS[2]) end
return 0
