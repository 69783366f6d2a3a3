-- Counts as used what a lease held of these quotas, then holds more of each: all or none.
-- KEYS[4] = standing, KEYS[5..] = usage; ARGV[3] = request, ARGV[4] = account, ARGV[5] = step, ARGV[6] = claims.
sweep()
local request, step = ARGV[3], tonumber(ARGV[5])
local claims = claims_from(ARGV[6], 5)
local standing = redis.call('GET', KEYS[4])
local lease = lease_of(request)
if not lease then
  if redis.call('ZSCORE', ENDED, request) then return answer(claims, 0, standing) end
  lease = {account = ARGV[4], since = NOW, step = 0, entries = {}}
end
if step <= lease.step then return answer(claims, 0, standing) end
lease.step = step
revive(request, lease)
local touched = {}
for i, claim in ipairs(claims) do
  for _, entry in ipairs(lease.entries) do
    if entry.key == claim.key and entry.field == claim.field then touched[i] = entry end
  end
  if not touched[i] then
    touched[i] = entry_for(claim)
    lease.entries[#lease.entries + 1] = touched[i]
  end
  charge_held(touched[i])
end
local binding = without_room(claims)
if binding == 0 then
  for i, claim in ipairs(claims) do
    local count = count_of(claim)
    touched[i].held = claim.cost
    count.held = count.held + claim.cost
    keep(claim, count)
  end
end
keep_lease(request, lease)
return answer(claims, binding, standing)
