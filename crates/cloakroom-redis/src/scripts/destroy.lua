-- KEYS: session. ARGV: prefix (none where the caller keeps the indexes), digest, now, which (any, live ones of a user, those
-- that are over), the user.
local key = KEYS[1]
local prefix, digest, now, which, of_user = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local version, idle_end, absolute_end, user, handle, written =
  unpack(redis.call('HMGET', key, 'v', 'e', 'a', 'u', 'h', 'x'))
if not version then return {0} end
local live = lives(version, idle_end, absolute_end, now)
if which == 'user' and not (live and user == of_user) then return {0} end
if which == 'over' and live then return {0} end
redis.call('DEL', key)
if prefix ~= '' then forget(prefix, handle, digest, written, user) end
return {(live or which == 'over') and 1 or 0, handle, written, user}
