"""Who may do what in a virtual cluster: users and their tokens, and the rules of RBAC.

    users           who a request comes from, as Kubernetes names it
    rules           whether one rule allows a request
    rbac            which rules a user has, from the roles and bindings in the store
    builtin_roles   the roles that Kubernetes makes by itself
    access          both together, for one request
    tokens          tokens of service accounts, and the administrator's

Requests by the port without TLS have no user, and may do everything: it is for loopback.
"""
