-- Signs of life of running exchanges. ARGV[3..] = requests. One that has expired is revived: the store, not the gateway, was away.
-- What a lease holds is kept as long as the lease is: an exchange may run for hours while nothing else touches its counts.
sweep()
for i = 3, #ARGV do
  local lease = lease_of(ARGV[i])
  if lease then
    for _, entry in ipairs(lease.entries) do outlast(entry) end
    revive(ARGV[i], lease)
    keep_lease(ARGV[i], lease)
  end
end
return redis.call('ZCARD', LIVE)
