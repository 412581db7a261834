"""The REST models: the guides' field names and types, nothing left out, and examples for the documentation."""
