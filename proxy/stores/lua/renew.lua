-- Signs of life of running exchanges. ARGV[3..] = requests. One that expired while the store was away runs all the same: it takes
-- its place in flight back (over the limit, if others have come); what expiry has charged stays charged until it is settled.
-- What a lease holds is kept as long as the lease is: an exchange may run for hours while nothing else touches its counts.
sweep()
for i = 3, #ARGV do
  local lease = lease_of(ARGV[i])
  if lease then
    local expired = not redis.call('ZSCORE', LIVE, ARGV[i])
    for _, entry in ipairs(lease.entries) do
      if expired and entry.unit == 'in_flight' then
        local count = count_of(entry)
        entry.held, count.held = 1, count.held + 1
        keep(entry, count)
      end
      outlast(entry)
    end
    if expired then
      redis.call('ZREM', ENDED, ARGV[i])
      keep_lease(ARGV[i], lease)
    end
    live(ARGV[i])
  end
end
redis.call('EXPIRE', LEASES, LONGEST)
return redis.call('ZCARD', LIVE)
