-- What is in flight, for people: {request, account, age in seconds} for each live lease.
local out = {}
for _, request in ipairs(redis.call('ZRANGEBYSCORE', LIVE, '(' .. num(NOW), '+inf', 'LIMIT', 0, 1000)) do
  local lease = lease_of(request)
  if lease then out[#out + 1] = {request, lease.account, num(NOW - lease.since)} end
end
return out
