"""Tickets for WebSockets: made by an authenticated call, valid for 30 s, used once, by any copy of the gateway.

A browser can't set a header on a WebSocket. A ticket in the URL is worth nothing after its use, while a token there
would stay in the logs of proxies. They are in PostgreSQL, where one statement removes and returns a row: two copies
can't both accept a ticket, and it survives the copy that made it.
"""
