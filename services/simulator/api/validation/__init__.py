"""Checks of requests: decoding of bodies, defaults, admission, and selectors in parameters."""
