"""The shared configuration in Redis."""
