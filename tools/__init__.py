"""What writes files that are derived from the code. `make docs` calls all of it; tests show that nobody forgot."""
