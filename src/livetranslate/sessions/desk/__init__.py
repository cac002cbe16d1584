"""The desk: callers submit jobs, workers take them and report."""
