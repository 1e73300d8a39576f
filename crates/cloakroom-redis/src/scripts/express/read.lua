-- KEYS: the session, its mark. What was ended here and came back by a late write of Express is ended again.
local text, mark = redis.call('GET', KEYS[1]), redis.call('HGETALL', KEYS[2])
if text then
  for place = 1, #mark, 2 do
    if mark[place] == 'd' then
      redis.call('DEL', KEYS[1])
      text = false
    end
  end
end
return {text, redis.call('PEXPIRETIME', KEYS[1]), mark}
