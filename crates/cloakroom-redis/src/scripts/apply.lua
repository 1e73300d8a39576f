-- KEYS: session, and the new session where it is rotated in place.
-- ARGV: prefix (none where the caller keeps the indexes), digest, now, margin, version or none, whether the version counts,
-- whether all keys go, what happens to the idle end (k, l, x), that end, absolute end or none, user or none, what happens
-- to the key (none, place, take), the new digest, until when the old one is remembered, how many fields are set, unset and
-- added to, and these.
local key = KEYS[1]
local prefix, digest, now, margin, guard = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local counts, clears, touch, touched_end, absolute_end = ARGV[6] == '1', ARGV[7] == '1', ARGV[8], ARGV[9], ARGV[10]
local user, turn, new_digest, remembered = ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local sets, unsets, adds = tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17])

local version, idle_end, before_end, seen, old_user, handle, written =
  unpack(redis.call('HMGET', key, 'v', 'e', 'a', 's', 'u', 'h', 'x'))
if not lives(version, idle_end, before_end, now) then return {'gone'} end
if guard ~= '' and guard ~= version then return {'conflict'} end
if turn == 'place' and redis.call('EXISTS', KEYS[2]) == 1 then return {'taken'} end

-- The server checks that it is an integer, and its range. If one is not, the others are put back.
local numbers, undo = {}, {}
local first_add = 18 + 2 * sets + unsets
for place = first_add, first_add + 2 * adds - 1, 2 do
  local field = ARGV[place]
  local before = redis.call('HGET', key, field)
  local sum = redis.pcall('HINCRBY', key, field, ARGV[place + 1])
  if type(sum) == 'table' and sum.err then
    for _, done in ipairs(undo) do
      if done[2] then redis.call('HSET', key, done[1], done[2]) else redis.call('HDEL', key, done[1]) end
    end
    if sum.err:find('integer', 1, true) or sum.err:find('overflow', 1, true) then return {'wrong'} end
    return sum
  end
  undo[#undo + 1] = {field, before}
  numbers[#numbers + 1] = redis.call('HGET', key, field)
end

local removed, put = {}, {}
if clears then
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if field:sub(1, 2) == 'd:' then removed[#removed + 1] = field end
  end
end
for place = 18 + 2 * sets, 17 + 2 * sets + unsets do removed[#removed + 1] = ARGV[place] end
for place = 18, 17 + 2 * sets do put[#put + 1] = ARGV[place] end
local function set(field, value)
  put[#put + 1] = field
  put[#put + 1] = value
end
if counts then
  version = string.format('%.0f', tonumber(version) + 1)
  set('v', version)
end
if touch ~= 'k' then
  idle_end = touch == 'l' and later(idle_end, touched_end) or touched_end
  set('e', idle_end)
  set('s', later(seen, now))
end
if absolute_end ~= '' then set('a', absolute_end) else absolute_end = before_end end
if user ~= '' then set('u', user) else user = old_user end
if turn == 'place' then
  set('p', digest)
  set('x', now)
end
each('HDEL', key, removed)
each('HSET', key, put)
if touch ~= 'k' or absolute_end ~= before_end then expire(key, idle_end, absolute_end, margin) end

if prefix ~= '' then
  if turn == 'place' then
    forget(prefix, handle, digest, written, old_user)
    redis.call('ZADD', page_of(prefix, handle), 0, member_of(handle, new_digest, now))
    if user then remember(user_of(prefix, user), new_digest, now, absolute_end, margin) end
  elseif user and (user ~= old_user or absolute_end ~= before_end) then
    if old_user and user ~= old_user then redis.call('ZREM', user_of(prefix, old_user), digest) end
    remember(user_of(prefix, user), digest, now, absolute_end, margin)
  end
end

local all = {}
if turn == 'place' then
  redis.call('RENAME', key, KEYS[2])
elseif turn == 'take' then
  all = redis.call('HGETALL', key)
  redis.call('DEL', key)
end
if turn ~= '' then
  redis.call('HSET', key, 'n', new_digest, 'nt', remembered)
  -- Until it is made anew, this tells whose it is.
  if turn == 'take' then redis.call('HSET', key, 'h', handle) end
  if turn == 'take' and user then redis.call('HSET', key, 'u', user) end
  redis.call('PEXPIREAT', key, string.format('%.0f', garbage_at(remembered, margin) or 0))
end
return {'done', version, handle, numbers, all}
