"""HTTP and WebSocket routes: thin, from a request to a call and from its result to an answer."""
