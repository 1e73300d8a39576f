-- KEYS: session. ARGV: prefix (none where the caller keeps the indexes), digest, handle, now, margin, idle end,
-- absolute end, user, reservation, then pairs of field and value.
local key = KEYS[1]
local prefix, digest, handle, now, margin = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local idle_end, absolute_end, user, reservation = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
if reservation ~= '' then
  -- Who has ended the session meanwhile has taken the reservation away.
  if redis.call('HGET', key, 'w') ~= reservation then return 'taken' end
  redis.call('DEL', key)
elseif redis.call('EXISTS', key) == 1 then
  return 'taken'
end
for first = 10, #ARGV, 2000 do
  redis.call('HSET', key, unpack(ARGV, first, math.min(first + 1999, #ARGV)))
end
expire(key, idle_end, absolute_end, margin)
if prefix ~= '' then
  redis.call('ZADD', page_of(prefix, handle), 0, member_of(handle, digest, now))
  if user ~= '' then remember(user_of(prefix, user), digest, now, absolute_end, margin) end
end
return 'done'
