-- Sessions of anybody in the order of their handles, where all keys are on one server. ARGV: prefix, from where on, limit, now.
local prefix, from, limit, now = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local entries, digits = {}, '0123456789abcdef'
for shard = 1, 16 do
  local index, next = page_of(prefix, digits:sub(shard, shard)), from
  while #entries < limit do
    local members = redis.call('ZRANGEBYLEX', index, next, '+', 'LIMIT', 0, limit - #entries)
    for _, member in ipairs(members) do
      local key = session_of(prefix, member:sub(34, 97))
      local version, idle_end, absolute_end = unpack(redis.call('HMGET', key, 'v', 'e', 'a'))
      if not version then
        redis.call('ZREM', index, member)
      elseif lives(version, idle_end, absolute_end, now) then
        entries[#entries + 1] = entry_of(key)
      end
      next = '(' .. member
    end
    if #members == 0 then break end
  end
end
return entries
