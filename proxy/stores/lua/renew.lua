-- Signs of life of running exchanges. ARGV[3..] = requests. What has expired already is not revived: it was charged.
sweep()
for i = 3, #ARGV do
  if redis.call('ZSCORE', LIVE, ARGV[i]) then live(ARGV[i]) end
end
return redis.call('ZCARD', LIVE)
