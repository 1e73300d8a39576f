-- Keeps a new id for a rotation. KEYS: the new session, its mark. ARGV: the old id, for how many milliseconds.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'taken' end
if redis.call('EXISTS', KEYS[2]) == 1 and redis.call('HGET', KEYS[2], 'w') ~= ARGV[1] then return 'taken' end
redis.call('HSET', KEYS[2], 'w', ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 'done'
