-- All of a record but its data. KEYS: session.
return entry_of(KEYS[1])
