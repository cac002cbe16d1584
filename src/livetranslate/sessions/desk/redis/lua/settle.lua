-- ARGV: job, kind of outcome, value.
settle(ARGV[1], ARGV[2], ARGV[3])
