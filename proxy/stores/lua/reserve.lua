-- All claims or none, under one lease. KEYS[4] = standing, KEYS[5..] = usage; ARGV[3] = request, ARGV[4] = account, ARGV[5] = claims.
sweep()
local request = ARGV[3]
local claims = claims_from(ARGV[5], 5)
local standing = redis.call('GET', KEYS[4])
if redis.call('HEXISTS', LEASES, request) == 1 or redis.call('ZSCORE', ENDED, request) then return answer(claims, 0, standing) end
local binding = without_room(claims)
if binding > 0 then return answer(claims, binding, standing) end
local lease = {account = ARGV[4], since = NOW, step = 0, entries = {}}
for i, claim in ipairs(claims) do
  local entry, count = entry_for(claim), count_of(claim)
  if claim.unit == 'requests' then
    entry.charged = claim.cost
    count.used = count.used + claim.cost
  else
    entry.held = claim.cost
    count.held = count.held + claim.cost
  end
  keep(claim, count)
  lease.entries[i] = entry
end
keep_lease(request, lease)
live(request)
return answer(claims, 0, standing)
