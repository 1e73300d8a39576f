-- Keeps a new key for a rotation. KEYS: the new session. ARGV: the old digest, for how many milliseconds.
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HGET', KEYS[1], 'w') ~= ARGV[1] then return 'taken' end
redis.call('HSET', KEYS[1], 'w', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 'done'
