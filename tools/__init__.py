"""What writes files that are derived from the code. `make docs` runs all of it; tests compare the files."""
