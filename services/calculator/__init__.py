"""The calculator owns sizing: the resources that a tenant needs, their cost, and the preset that fits.

It consumes `tenant.created`, `tenant.updated` and `deploy.requested`, publishes `resources.calculated` or
`resources.rejected`, and answers `rpc.calculate` and `rpc.recommend`. It is stateless and scales by replicas.

    sizing/    the pure core
"""
