"""API keys for machines: made, listed, rotated and revoked by administrators, and checked at each request.

key_text      the form of a key, pure
key_record    what is stored of a key, and whether a text proves it, pure
repository    rows of `api_keys`
record_cache  rows that are a few seconds old at most, so that a revocation acts within seconds
verifier      a key becomes the caller of a request
last_use      when each key was used last, written once a minute
first_key     the first administrator's key, made at the database
"""
