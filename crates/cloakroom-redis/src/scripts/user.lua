-- The sessions of a user, where all keys are on one server. KEYS: the user's index. ARGV: prefix, user, now, what (list,
-- count, revoke), the one handle that goes or none, the one that stays or none.
local prefix, user, now, what, only, spared = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local entries, count = {}, 0
for _, digest in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = session_of(prefix, digest)
  local version, idle_end, absolute_end, of, handle, written =
    unpack(redis.call('HMGET', key, 'v', 'e', 'a', 'u', 'h', 'x'))
  if not version or of ~= user then
    redis.call('ZREM', KEYS[1], digest)
  elseif lives(version, idle_end, absolute_end, now) then
    if what == 'list' then
      entries[#entries + 1] = entry_of(key)
    elseif what == 'count' then
      count = count + 1
    elseif (only == '' or handle == only) and (spared == '' or handle ~= spared) then
      redis.call('DEL', key)
      forget(prefix, handle, digest, written, user)
      count = count + 1
    end
  end
end
if what == 'list' then return entries end
return count
