-- Adds a session to the index of a user, where that is on a server of its own. KEYS: the index. ARGV: digest, now, absolute
-- end, margin.
remember(KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]))
return 'done'
