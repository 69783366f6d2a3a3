-- Shared by every script: put in front of each. The rules are those of core/ledger.py, line for line.
--
-- Keys of one organization share a hash tag, so that one script may touch them all (Redis Cluster: one slot):
--   sg:{org}:u:<subject>   hash  <unit>/<window>[/<model>] -> "used at held from to from to …"; never keyed by an amount
--                                (from when until when a rate's bucket stood empty, oldest first)
--   sg:{org}:d:<subject>/<field>  zset  id -> when it was new (of a calendar budget: the number of its window), for what counts distinct
--                                things; id+ -> the same, where another request has used it since
--   sg:{org}:live          zset  request -> expiry, seconds                     leases that are alive
--   sg:{org}:leases        hash  request -> packed lease                        alive, or expired and not yet settled
--   sg:{org}:ended         zset  request -> when, seconds                       so that a repeated call changes nothing
--   sg:{org}:s:<account>   string                                              the account's standing
--   sg:{org}:n:<name>      string                                              a note (stores/notes.py)
-- Every script: KEYS[1..3] = live, leases, ended; ARGV[1] = time in seconds, or '' for the server's own; ARGV[2] = lease, seconds.

local LIVE, LEASES, ENDED = KEYS[1], KEYS[2], KEYS[3]
local REMEMBERED, SOON, SWEPT = 600, 1, 200
local SHORT, GAPS, DUST = 1, 32, 1e-9
local DAY = 86400
-- Known on arrival: used at once. Of these, what the request alone decides is left by a settlement as it was.
local EXACT = {requests = true, biased_tokens = true, single_token = true}
local ASKED = {biased_tokens = true, single_token = true}
-- Longer than any usage is kept: what a lease holds must not outlive the lease, or it would be held for good.
local LONGEST = 63 * DAY

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

local function newest(gaps)
  while #gaps > GAPS do table.remove(gaps, 1) end
  return gaps
end

-- Remembers that it did, until now, and forgets what was not twice as long: few are left, and the long time without a store is one.
local function stood_empty(count, start)
  local gaps, last = {}, count.idle[#count.idle]
  if last and last[2] >= start then start = table.remove(count.idle)[1] end
  for _, gap in ipairs(count.idle) do
    if gap[2] - gap[1] >= math.max(SHORT, 2 * (NOW - start)) then gaps[#gaps + 1] = gap end
  end
  gaps[#gaps + 1] = {start, NOW}
  count.idle = newest(gaps)
end

-- A claim: {key, field, kind, window, unit, refill, limit, cost, keep}, and of distinct things {set, stay, ids}.
-- kind: rate | calendar | held. What it adds to its count is its `charge`.
local function count_of(claim)
  local n = {}
  for x in string.gmatch(redis.call('HGET', claim.key, claim.field) or '', '%S+') do n[#n + 1] = tonumber(x) or 0 end
  local count = {used = n[1] or 0, at = n[2] or 0, held = n[3] or 0, idle = {}}
  for i = 4, #n - 1, 2 do count.idle[#count.idle + 1] = {n[i], n[i + 1]} end
  if claim.kind == 'rate' and NOW > count.at then
    local empty = count.at + count.used / claim.refill
    if empty < NOW then stood_empty(count, empty) end
    count.used = math.max(0, count.used - (NOW - count.at) * claim.refill)
    count.at = NOW
  elseif claim.kind == 'calendar' then
    local number = window_of(claim.window, NOW)
    if number > count.at then count.used, count.at = 0, number end
  end
  return count
end

local function outlast(claim)
  if redis.call('TTL', claim.key) < claim.keep then redis.call('EXPIRE', claim.key, claim.keep * 2) end
end

local function keep(claim, count)
  local out = {num(count.used), num(count.at), num(count.held)}
  for _, gap in ipairs(count.idle) do out[#out + 1] = num(gap[1]) .. ' ' .. num(gap[2]) end
  redis.call('HSET', claim.key, claim.field, table.concat(out, ' '))
  outlast(claim)
end

-- A count that is as though nothing had ever touched it is not kept: whoever makes accounts up leaves nothing behind.
local function keep_or_forget(claim, count)
  local first = count.idle[1]
  local untouched = claim.kind ~= 'rate' or (#count.idle == 1 and first[1] == 0 and first[2] >= count.at)
  if count.used == 0 and count.held == 0 and untouched then
    redis.call('HDEL', claim.key, claim.field)
  else
    keep(claim, count)
  end
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

-- Tells a claim's new ids from those that are counted in this window, and forgets what was counted in one that is over.
local function tell_new(claim)
  if not claim.ids then return end
  redis.call('ZREMRANGEBYSCORE', claim.set, '-inf', num(count_of(claim).at - claim.stay))
  local met = redis.call('ZMSCORE', claim.set, unpack(claim.ids))
  claim.new, claim.known = {}, {}
  for i, id in ipairs(claim.ids) do
    if met[i] then
      claim.known[#claim.known + 1] = {met[i], num(id) .. '+'}
    else
      claim.new[#claim.new + 1] = id
    end
  end
  claim.charge = #claim.new
end

-- A count that is full (it was passed while nobody could refuse) remembers no more of them.
local function meet(claim, count, at)
  if not claim.ids then return end
  local marks = {}
  local function mark(score, id)
    marks[#marks + 1] = score
    marks[#marks + 1] = id
  end
  for _, pair in ipairs(claim.known) do mark(pair[1], pair[2]) end
  if count.used < claim.limit then
    for _, id in ipairs(claim.new) do mark(num(at), num(id)) end
  end
  if #marks == 0 then return end
  redis.call('ZADD', claim.set, unpack(marks))
  if redis.call('TTL', claim.set) < claim.keep then redis.call('EXPIRE', claim.set, claim.keep * 2) end
end

-- Forgets the ids that a request was the first to use and nobody else has used since; what stays charged of it.
local function part(entry)
  if not entry.new or #entry.new == 0 then return 0 end
  local lone, shared = {}, {}
  for i, id in ipairs(entry.new) do shared[i] = num(id) .. '+' end
  local met, also = redis.call('ZMSCORE', entry.set, unpack(entry.new)), redis.call('ZMSCORE', entry.set, unpack(shared))
  for i, id in ipairs(entry.new) do
    if met[i] and tonumber(met[i]) == entry.met and not also[i] then lone[#lone + 1] = num(id) end
  end
  if #lone > 0 then redis.call('ZREM', entry.set, unpack(lone)) end
  return entry.charged - #lone
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
    local last = count.idle[#count.idle]
    if count.used < DUST and change < 0 and actual == 0 and last and last[2] == since then
      count.used, last[2] = 0, NOW -- as though it had never been charged
    end
  end
  keep_or_forget(entry, count)
end

-- What is left of an amount, used at `since`, after the time in which nothing else drained: that is taken up now.
local function served_idle(count, amount, since, refill)
  local gaps = {}
  local function add(start, stop) if stop - start >= SHORT then gaps[#gaps + 1] = {start, stop} end end
  for _, gap in ipairs(count.idle) do
    local begin = math.max(gap[1], since)
    local served = math.min(amount, math.max(0, gap[2] - begin) * refill)
    amount = amount - served
    if served > 0 then
      add(gap[1], begin)
      add(begin + served / refill, gap[2])
    else
      add(gap[1], gap[2])
    end
  end
  count.idle = newest(gaps)
  return amount
end

-- A time up to a quarter nearer, the same for all that are close to it: else the idle time between them falls to pieces.
local function stepped(since)
  local _, exponent = math.frexp(math.max(SHORT, NOW - since))
  local step = 2 ^ (exponent - 3)
  return math.min(NOW, math.ceil(since / step) * step)
end

local function charge_late(claim, amount, since)
  local count, rate = count_of(claim), claim.kind == 'rate'
  if not rate and (claim.kind ~= 'calendar' or window_of(claim.window, since) ~= window_of(claim.window, NOW)) then return end
  if claim.ids then
    tell_new(claim)
    meet(claim, count, rate and math.min(since, count.at) or count.at)
    amount = claim.charge
  end
  if rate then amount = served_idle(count, amount, stepped(since), claim.refill) end
  count.used = count.used + amount
  keep_or_forget(claim, count)
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

-- What has expired is found by this when it is to be forgotten: it may not go before LEASES does.
local function finish(request)
  redis.call('ZADD', ENDED, 'NX', num(NOW), request)
  redis.call('EXPIRE', ENDED, redis.call('EXISTS', LEASES) == 1 and LONGEST or REMEMBERED * 2)
end

-- The exchange runs: whatever had expired, its place in flight is taken, room or not. What was charged stays so.
local function revive(request, lease)
  live(request)
  if redis.call('ZREM', ENDED, request) == 0 then return end
  for _, entry in ipairs(lease.entries) do
    if entry.unit == 'in_flight' then
      local count = count_of(entry)
      entry.held, count.held = 1, count.held + 1
      keep(entry, count)
    end
  end
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

-- Claims come packed, nine values each (one argument costs the client a tenth of fifty), twelve where they count distinct things;
-- their usage hashes, and the sets of those things, in KEYS from `keys`.
local function claims_from(packed, keys)
  local claims = {}
  for i, row in ipairs(cmsgpack.unpack(packed)) do
    claims[i] = {
      key = KEYS[keys + row[1]], field = row[2], kind = row[3], window = row[4], unit = row[5],
      refill = row[6], limit = row[7], cost = row[8], keep = row[9],
      charge = row[8], set = row[10] and KEYS[keys + row[10]], stay = row[11], ids = row[12],
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
    local excess = count.used + count.held + claim.charge - claim.limit
    if excess > 0 then
      local wait = frees_in(claim, excess) + (claim.cost > claim.limit and 1e12 or 0)
      if wait > worst then binding, worst = i, wait end
    end
  end
  return binding
end

-- One line of numbers, "binding (0: granted), its wait, used 1, frees 1, used 2, frees 2, …"; then the note behind an equals sign, where
-- there is one; then the standing.
local function answer(claims, binding, standing, note)
  local wait = 0
  if binding > 0 then
    local claim, count = claims[binding], count_of(claims[binding])
    wait = frees_in(claim, count.used + count.held + claim.charge - claim.limit)
  end
  local out = {num(binding), num(wait)}
  for _, claim in ipairs(claims) do
    local count = count_of(claim)
    out[#out + 1] = num(count.used + count.held)
    out[#out + 1] = num(frees_in(claim, count.used + count.held))
  end
  return table.concat(out, ' ') .. '\n' .. (note and '=' .. note or '') .. '\n' .. (standing or '')
end
