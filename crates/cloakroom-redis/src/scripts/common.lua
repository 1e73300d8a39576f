-- What the scripts share. Numbers come and go as decimal texts: a double would round them.

-- Whether one decimal integer is less than another.
local function less(one, other)
  local minus_one, minus_other = one:sub(1, 1) == '-', other:sub(1, 1) == '-'
  if minus_one ~= minus_other then return minus_one end
  if #one ~= #other then return (#one < #other) ~= minus_one end
  if minus_one then return other < one end
  return one < other
end

local function later(one, other)
  if less(one, other) then return other end
  return one
end

-- Whether a record lives.
local function lives(version, idle_end, absolute_end, now)
  return version and idle_end and absolute_end and less(now, idle_end) and less(now, absolute_end)
end

-- When garbage may go that is of use until `time`; none if that is for ever. Beyond 2^53, doubles are not exact.
local function garbage_at(time, margin)
  if #time > 15 and time:sub(1, 1) ~= '-' then return nil end
  if time:sub(1, 1) == '-' then time = '0' end
  return tonumber(time) + margin
end

local function expire(key, idle_end, absolute_end, margin)
  local ends = idle_end
  if less(absolute_end, idle_end) then ends = absolute_end end
  local at = garbage_at(ends, margin)
  if at then
    redis.call('PEXPIREAT', key, string.format('%.0f', at))
  else
    redis.call('PERSIST', key)
  end
end

-- Writes pairs of field and value, or removes fields, as many as there may be.
local function each(command, key, list)
  for first = 1, #list, 2000 do
    redis.call(command, key, unpack(list, first, math.min(first + 1999, #list)))
  end
end

-- A member of the index of all sessions: the handle, the digest, and when it was written.
local function member_of(handle, digest, written)
  return handle .. ':' .. digest .. ':' .. written
end

local function page_of(prefix, handle)
  return prefix .. ':p:' .. handle:sub(1, 1)
end

local function user_of(prefix, user)
  return prefix .. ':u:' .. user
end

local function session_of(prefix, digest)
  return prefix .. ':s:' .. digest
end

-- Adds a session to the index of a user, which is there as long as any of its sessions can live.
local function remember(index, digest, now, absolute_end, margin)
  local before = redis.call('PEXPIRETIME', index)
  redis.call('ZADD', index, now, digest)
  local at = garbage_at(absolute_end, margin)
  if not at then
    redis.call('PERSIST', index)
  elseif before == -2 or (before >= 0 and before < at) then
    redis.call('PEXPIREAT', index, string.format('%.0f', at))
  end
end

-- All of a record but its data, as pairs.
local function entry_of(key)
  local names, pairs_of = {}, {}
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if name:sub(1, 2) ~= 'd:' then names[#names + 1] = name end
  end
  for first = 1, #names, 2000 do
    local last = math.min(first + 1999, #names)
    local values = redis.call('HMGET', key, unpack(names, first, last))
    for place, value in ipairs(values) do
      pairs_of[#pairs_of + 1] = names[first + place - 1]
      pairs_of[#pairs_of + 1] = value
    end
  end
  return pairs_of
end

-- Takes a session out of the indexes.
local function forget(prefix, handle, digest, written, user)
  if handle and written then
    redis.call('ZREM', page_of(prefix, handle), member_of(handle, digest, written))
  end
  if user then redis.call('ZREM', user_of(prefix, user), digest) end
end
