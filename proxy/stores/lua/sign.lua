-- Who serves on this store. KEYS[1] = zset worker -> until when, KEYS[2] = hash worker -> what it says; ARGV[3] = seconds that a
-- sign of life holds; ARGV[4], ARGV[5] = a worker that lives and what it says, or nothing. Each live worker and what it says.
if ARGV[4] then
  redis.call('ZADD', KEYS[1], num(NOW + tonumber(ARGV[3])), ARGV[4])
  redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
end
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', num(NOW))) do
  redis.call('ZREM', KEYS[1], worker)
  redis.call('HDEL', KEYS[2], worker)
end
return redis.call('HGETALL', KEYS[2])
