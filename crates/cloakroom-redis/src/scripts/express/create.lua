-- KEYS: the session, its mark. ARGV: the text, when the server may remove it or -1, the old id that has reserved it or none.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'taken' end
if redis.call('EXISTS', KEYS[2]) == 1 then
  if ARGV[3] == '' or redis.call('HGET', KEYS[2], 'w') ~= ARGV[3] then return 'taken' end
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
if ARGV[2] ~= '-1' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 'done'
