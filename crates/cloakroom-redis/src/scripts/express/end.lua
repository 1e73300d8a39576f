-- Ends a session, if it still is what was read. KEYS: the session, its mark; of a rotation on one server also the new session
-- and its mark. ARGV: the text that was read or none, until when the mark stays, the new id or none, until when that is told,
-- the new text, its end or -1.
local text = redis.call('GET', KEYS[1])
if ARGV[1] ~= '' and text ~= ARGV[1] then return {0} end
if KEYS[3] and redis.call('EXISTS', KEYS[3], KEYS[4]) > 0 then return {'taken'} end
local ends = redis.call('PEXPIRETIME', KEYS[1])
if not text then return {0} end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'd', '1')
if ARGV[3] ~= '' then redis.call('HSET', KEYS[2], 'n', ARGV[3], 'nt', ARGV[4]) end
redis.call('PEXPIREAT', KEYS[2], ARGV[2])
if KEYS[3] then
  redis.call('SET', KEYS[3], ARGV[5])
  if ARGV[6] ~= '-1' then redis.call('PEXPIREAT', KEYS[3], ARGV[6]) end
end
return {1, text, ends}
