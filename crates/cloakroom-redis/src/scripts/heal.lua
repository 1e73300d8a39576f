-- Takes out of the index of a user what is no session of theirs, unless it was put in anew meanwhile. KEYS: the index.
-- ARGV: pairs of digest and the time that was read.
local count = 0
for place = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[place]) == ARGV[place + 1] then
    count = count + redis.call('ZREM', KEYS[1], ARGV[place])
  end
end
return count
