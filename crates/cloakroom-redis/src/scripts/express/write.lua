-- Writes a session if it still is what was read. KEYS: the session, its mark. ARGV: the text and the end that were read, the
-- new text, the new end: keep, -1 or a time.
if redis.call('EXISTS', KEYS[2]) == 1 and redis.call('HEXISTS', KEYS[2], 'd') == 1 then return 0 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if string.format('%.0f', redis.call('PEXPIRETIME', KEYS[1])) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'KEEPTTL')
if ARGV[4] == '-1' then
  redis.call('PERSIST', KEYS[1])
elseif ARGV[4] ~= 'keep' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[4])
end
return 1
