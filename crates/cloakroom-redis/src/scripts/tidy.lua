-- Removes what is over from one part of the index of all sessions, where all keys are on one server. ARGV: prefix, from where
-- on, how many to look at, how many sessions to remove at most, now.
local prefix, from, looks, limit, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local index, count = page_of(prefix, from), 0
local members = redis.call('ZRANGEBYLEX', index, '[' .. from, '+', 'LIMIT', 0, looks)
if #members < looks then
  for _, member in ipairs(redis.call('ZRANGEBYLEX', index, '-', '(' .. from, 'LIMIT', 0, looks - #members)) do
    members[#members + 1] = member
  end
end
for _, member in ipairs(members) do
  local digest = member:sub(34, 97)
  local key = session_of(prefix, digest)
  local version, idle_end, absolute_end, user, handle, written =
    unpack(redis.call('HMGET', key, 'v', 'e', 'a', 'u', 'h', 'x'))
  if not version then
    redis.call('ZREM', index, member)
  elseif count < limit and not lives(version, idle_end, absolute_end, now) then
    redis.call('DEL', key)
    forget(prefix, handle, digest, written, user)
    count = count + 1
  end
end
return count
