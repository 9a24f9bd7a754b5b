"""A real PostgreSQL on loopback for tests: Debian's server, started and killed at will (`server`)."""
