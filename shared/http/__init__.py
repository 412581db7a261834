"""What the gateway and the simulator have in common as HTTP servers: which hosts and origins they serve, and bounds.

origins           the rules, pure
gate              the same as an ASGI middleware, with CORS
crowd             503 for more connections and sockets than there may be, as an ASGI middleware
connections       deadlines and bounds of one connection, as uvicorn's protocol
listening         the server, its sockets, and what it does without file descriptors
tls               a certificate from files that may change
security_headers  what browsers may do with the answers; content_policy has its pure parts
settings          what can be set
"""
