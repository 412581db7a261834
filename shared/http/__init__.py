"""What the gateway and the simulator have in common as HTTP servers: which hosts and origins they serve, and bounds.

origins       the rules, pure
gate          the same as an ASGI middleware, with CORS
crowd         503 for more connections and sockets than there may be, as an ASGI middleware
connections   deadlines and bounds of one connection, as uvicorn's protocol
listening     the server, its socket, and what it does without file descriptors
settings      what can be set
"""
