-- Trues up to what was used and ends the lease. An unknown request (served while the store was lost) is charged in full, as of then.
-- KEYS[4..] = usage, then sets; ARGV[3] = request, ARGV[4] = claims whose `cost` is what was used of their unit, ARGV[5] = seconds since it ended.
sweep()
local request = ARGV[3]
local claims = claims_from(ARGV[4], 4)
local lease = lease_of(request)
if lease then
  local actual = {}
  for _, claim in ipairs(claims) do actual[claim.unit] = claim.cost end
  for _, entry in ipairs(lease.entries) do
    true_up(entry, ASKED[entry.unit] and entry.charged or actual[entry.unit] or 0, lease.since)
  end
elseif redis.call('ZSCORE', ENDED, request) then
  return 0
else
  for _, claim in ipairs(claims) do charge_late(claim, claim.cost, NOW - tonumber(ARGV[5])) end
end
drop(request)
return 1
