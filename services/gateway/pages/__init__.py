"""Reports as pages and tables for people: printable, without scripts and without anything to load."""
