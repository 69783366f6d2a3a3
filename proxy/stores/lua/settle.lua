-- Trues up to what was used and ends the lease. An unknown request (served while the store was lost) is charged in full.
-- What of it would have drained since is taken off: each gateway's own ledger has kept such requests to its share of a rate.
-- KEYS[4..] = usage; ARGV[3] = request, ARGV[5] = seconds since it ended, ARGV[4] = claims whose `cost` is what was used of their unit.
sweep()
local request = ARGV[3]
local claims = claims_from(ARGV[4], 4)
local lease = lease_of(request)
if not lease then
  if redis.call('ZSCORE', ENDED, request) then return 0 end
  lease = {since = NOW, entries = {}}
  for i, claim in ipairs(claims) do
    lease.entries[i] = entry_for(claim)
    if claim.kind == 'rate' then claim.cost = math.max(0, claim.cost - tonumber(ARGV[5]) * claim.refill) end
  end
end
local actual = {}
for _, claim in ipairs(claims) do actual[claim.key .. claim.field] = claim.cost end
for _, entry in ipairs(lease.entries) do true_up(entry, actual[entry.key .. entry.field] or 0, lease.since) end
drop(request)
return 1
