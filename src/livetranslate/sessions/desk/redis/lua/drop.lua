-- ARGV: job, which nobody waits for any more.
forget(ARGV[1])
