"""The calculator owns sizing: what a tenant needs, what that costs, and which preset fits.

It consumes `tenant.created`, `tenant.updated` and `deploy.requested`, publishes `resources.calculated` or
`resources.rejected`, and answers `rpc.calculate` and `rpc.recommend`. It keeps no state: any number of copies can run.
"""
