-- ARGV: worker, max_attempts.
lose(ARGV[1], tonumber(ARGV[2]))
