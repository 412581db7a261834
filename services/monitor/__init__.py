"""The monitor owns what is measured: samples of the clusters, the tables `monitoring_*` and `availability_*`, the SLA.

It samples each cluster every 5 s through the Kubernetes API, and production's Prometheus where there is one, and
publishes `metrics.collected` for each tenant. It consumes `metrics.collected`, its own and anybody else's, stores it
and rolls it up. From what is stored it says `sla.reported`, and answers `rpc.sla_report` and `rpc.maintenance`.
Any number of copies can run: storing is shared, and of each cluster one samples and reports at a time, by a lease.
"""
