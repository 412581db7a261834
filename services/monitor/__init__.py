"""The monitor owns measurements: samples of the clusters, the tables `monitoring_*` and `availability_*`, the SLA.

It samples each cluster every 5 s through the Kubernetes API, and production's Prometheus if there is one, and publishes
`metrics.sampled` with the samples of all tenants. It consumes these and other systems' `metrics.collected`, stores the
samples and rolls them up. From them it publishes `sla.reported`, and answers `rpc.sla_report` and `rpc.maintenance`.
Any number of replicas can run: all of them store, and up to six divide the tenants of each cluster among themselves,
which they sample and report.

    collect/   clusters, Prometheus and the deployer's records -> samples
    storage/   samples -> tables
    reports/   tables -> SLA reports
"""
