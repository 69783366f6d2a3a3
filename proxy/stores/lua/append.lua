-- Observations, to the end of their stream. KEYS[1] = stream; ARGV[3] = about how many are kept; ARGV[4…] = each as it is.
for place = 4, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'o', ARGV[place]) end
return #ARGV - 3
