-- Signs of life of running exchanges. ARGV[3..] = requests. What has expired already is not revived: it was charged.
-- What a lease holds is kept as long as the lease is: an exchange may run for hours while nothing else touches its counts.
sweep()
for i = 3, #ARGV do
  local lease = redis.call('ZSCORE', LIVE, ARGV[i]) and lease_of(ARGV[i])
  if lease then
    for _, entry in ipairs(lease.entries) do outlast(entry) end
    live(ARGV[i])
  end
end
redis.call('EXPIRE', LEASES, REMEMBERED * 2)
return redis.call('ZCARD', LIVE)
