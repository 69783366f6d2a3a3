-- All claims or none, under one lease. KEYS[4] = standing, KEYS[5..] = usage, then sets of distinct things;
-- ARGV[3] = request, ARGV[4] = account, ARGV[5] = claims, ARGV[6] = 1: the last of KEYS is a note to bring along.
sweep()
local request = ARGV[3]
local claims = claims_from(ARGV[5], 5)
local standing = redis.call('GET', KEYS[4])
local note = ARGV[6] == '1' and redis.call('GET', KEYS[#KEYS])
if redis.call('HEXISTS', LEASES, request) == 1 or redis.call('ZSCORE', ENDED, request) then return answer(claims, 0, standing, note) end
for _, claim in ipairs(claims) do
  if claim.cost <= claim.limit then tell_new(claim) end -- else it never fits, and is not worth the looking up
end
local binding = without_room(claims)
if binding > 0 then return answer(claims, binding, standing, note) end
local lease = {account = ARGV[4], since = NOW, step = 0, entries = {}}
for i, claim in ipairs(claims) do
  local entry, count = entry_for(claim), count_of(claim)
  if EXACT[claim.unit] then
    meet(claim, count, count.at)
    entry.set, entry.new, entry.met, entry.charged = claim.set, claim.new, count.at, claim.charge
    count.used = count.used + claim.charge
  else
    entry.held = claim.cost
    count.held = count.held + claim.cost
  end
  keep(claim, count)
  lease.entries[i] = entry
end
keep_lease(request, lease)
live(request)
return answer(claims, 0, standing, note)
