"""WebSockets: the progress of a deployment, and the samples of a tenant.

Ordered readers of the streams (`stream_feed`) serve all sockets of this process. `deployment` and `monitoring` have the
pure state of one socket, and the loop that serves it.
"""
