-- Gives a key back that was kept for a rotation. KEYS: the new session. ARGV: the old digest.
if redis.call('HGET', KEYS[1], 'w') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
