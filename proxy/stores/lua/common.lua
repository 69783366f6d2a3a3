-- Shared by every script: put in front of each. The rules are those of core/ledger.py, line for line.
--
-- Keys of one organization share a hash tag, so that one script may touch them all (Redis Cluster: one slot):
--   sg:{org}:u:<subject>   hash  <unit>/<window>[/<model>] -> "used at held"     usage; never keyed by an amount
--   sg:{org}:live          zset  request -> expiry, seconds                     leases that are alive
--   sg:{org}:leases        hash  request -> packed lease                        alive, or expired and not yet settled
--   sg:{org}:ended         zset  request -> when, seconds                       so that a repeated call changes nothing
--   sg:{org}:s:<account>   string                                              the account's standing
-- Every script: KEYS[1..3] = live, leases, ended; ARGV[1] = time in seconds, or '' for the server's own; ARGV[2] = lease, seconds.

local LIVE, LEASES, ENDED = KEYS[1], KEYS[2], KEYS[3]
local REMEMBERED, SOON, SWEPT = 600, 1, 200
local DAY = 86400
local LONGEST = 70 * DAY -- leases outlast whatever they hold: without them nothing would give it back

local function num(x) return string.format('%.17g', x) end

local function server_time()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end

local NOW = ARGV[1] ~= '' and tonumber(ARGV[1]) or server_time()
local LEASE = tonumber(ARGV[2])

-- Months since year 0, and back (H. Hinnant, "chrono-compatible low-level date algorithms").
local function month_of(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local year = yoe + era * 400
  if mp < 10 then return year * 12 + mp + 2 end
  return (year + 1) * 12 + mp - 10
end

local function first_day_of(month)
  local y, m = math.floor(month / 12), month % 12 + 1
  if m <= 2 then y = y - 1 end
  local era = math.floor(y / 400)
  local yoe = y - era * 400
  local mp = m > 2 and m - 3 or m + 9
  local doy = math.floor((153 * mp + 2) / 5)
  return era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy - 719468
end

local function window_of(name, t)
  local days = math.floor(t / DAY)
  if name == 'day' then return days end
  if name == 'week' then return math.floor((days + 3) / 7) end
  return month_of(days)
end

local function window_ends_in(name, t)
  local nth = window_of(name, t) + 1
  if name == 'day' then return nth * DAY - t end
  if name == 'week' then return (nth * 7 - 3) * DAY - t end
  return first_day_of(nth) * DAY - t
end

-- A claim: {key, field, kind, window, unit, refill, limit, cost, keep}. kind: rate | calendar | held.
local function count_of(claim)
  local used, at, held = 0, 0, 0
  local packed = redis.call('HGET', claim.key, claim.field)
  if packed then
    local a, b, c = string.match(packed, '^(%S+) (%S+) (%S+)$')
    used, at, held = tonumber(a) or 0, tonumber(b) or 0, tonumber(c) or 0
  end
  if claim.kind == 'rate' then
    used = math.max(0, used - math.max(0, NOW - at) * claim.refill)
    at = math.max(at, NOW)
  elseif claim.kind == 'calendar' then
    local number = window_of(claim.window, NOW)
    if number > at then used, at = 0, number end
  end
  return {used = used, at = at, held = held}
end

local function outlast(claim)
  if redis.call('TTL', claim.key) < claim.keep then redis.call('EXPIRE', claim.key, claim.keep * 2) end
end

local function keep(claim, count)
  if count.used == 0 and count.held == 0 then
    redis.call('HDEL', claim.key, claim.field) -- nothing is what an absent count says too
    return
  end
  redis.call('HSET', claim.key, claim.field, num(count.used) .. ' ' .. num(count.at) .. ' ' .. num(count.held))
  outlast(claim)
end

local function frees_in(claim, excess)
  if excess <= 0 then return 0 end
  if claim.kind == 'rate' then return excess / claim.refill end
  if claim.kind == 'calendar' then return window_ends_in(claim.window, NOW) end
  return SOON
end

local function charge_held(entry)
  local count = count_of(entry)
  count.held = math.max(0, count.held - entry.held)
  if entry.unit ~= 'in_flight' then
    count.used = count.used + entry.held
    entry.charged = entry.charged + entry.held
  end
  entry.held = 0
  keep(entry, count)
end

local function undrained(entry, since)
  if entry.kind == 'calendar' then
    return window_of(entry.window, since) == window_of(entry.window, NOW) and entry.charged or 0
  end
  return math.max(0, entry.charged - math.max(0, NOW - since) * entry.refill)
end

local function true_up(entry, actual, since)
  local count = count_of(entry)
  count.held = math.max(0, count.held - entry.held)
  if entry.unit ~= 'in_flight' then
    local change = actual - entry.charged
    if change < 0 then change = -math.min(-change, undrained(entry, since)) end
    count.used = math.max(0, count.used + change)
  end
  keep(entry, count)
end

local function lease_of(request)
  local packed = redis.call('HGET', LEASES, request)
  return packed and cmsgpack.unpack(packed) or nil
end

local function keep_lease(request, lease)
  redis.call('HSET', LEASES, request, cmsgpack.pack(lease))
  redis.call('EXPIRE', LEASES, LONGEST)
end

local function live(request)
  redis.call('ZADD', LIVE, num(NOW + LEASE), request)
  redis.call('EXPIRE', LIVE, LONGEST)
end

local function finish(request)
  redis.call('ZADD', ENDED, 'NX', num(NOW), request)
  redis.call('EXPIRE', ENDED, REMEMBERED * 2)
end

local function drop(request)
  redis.call('ZREM', LIVE, request)
  redis.call('HDEL', LEASES, request)
  finish(request)
end

-- Ends what was not renewed, and forgets what ended long ago; bounded, so that no call takes long.
local function sweep()
  for _, request in ipairs(redis.call('ZRANGEBYSCORE', LIVE, '-inf', num(NOW), 'LIMIT', 0, SWEPT)) do
    local lease = lease_of(request)
    redis.call('ZREM', LIVE, request)
    finish(request)
    if lease then
      for _, entry in ipairs(lease.entries) do charge_held(entry) end
      keep_lease(request, lease)
    end
  end
  for _, request in ipairs(redis.call('ZRANGEBYSCORE', ENDED, '-inf', num(NOW - REMEMBERED), 'LIMIT', 0, SWEPT)) do
    redis.call('ZREM', ENDED, request)
    redis.call('HDEL', LEASES, request)
  end
end

-- Claims come packed, nine values each (one argument costs the client a tenth of fifty); their usage hashes in KEYS from `keys`.
local function claims_from(packed, keys)
  local claims = {}
  for i, row in ipairs(cmsgpack.unpack(packed)) do
    claims[i] = {
      key = KEYS[keys + row[1]], field = row[2], kind = row[3], window = row[4], unit = row[5],
      refill = row[6], limit = row[7], cost = row[8], keep = row[9],
    }
  end
  return claims
end

local function entry_for(claim)
  return {key = claim.key, field = claim.field, kind = claim.kind, window = claim.window, unit = claim.unit,
    refill = claim.refill, keep = claim.keep, held = 0, charged = 0}
end

-- The claim without room that frees last, or 0. One that could never fit outranks all.
local function without_room(claims)
  local binding, worst = 0, -1
  for i, claim in ipairs(claims) do
    local count = count_of(claim)
    local excess = count.used + count.held + claim.cost - claim.limit
    if excess > 0 then
      local wait = frees_in(claim, excess) + (claim.cost > claim.limit and 1e12 or 0)
      if wait > worst then binding, worst = i, wait end
    end
  end
  return binding
end

-- One line of numbers, "binding (0: granted), its wait, used 1, frees 1, used 2, frees 2, …", and after it the standing.
local function answer(claims, binding, standing)
  local wait = 0
  if binding > 0 then
    local claim, count = claims[binding], count_of(claims[binding])
    wait = frees_in(claim, count.used + count.held + claim.cost - claim.limit)
  end
  local out = {num(binding), num(wait)}
  for _, claim in ipairs(claims) do
    local count = count_of(claim)
    out[#out + 1] = num(count.used + count.held)
    out[#out + 1] = num(frees_in(claim, count.used + count.held))
  end
  return table.concat(out, ' ') .. '\n' .. (standing or '')
end
