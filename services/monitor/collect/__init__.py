"""Measuring: reads clusters and Prometheus, and publishes `metrics.collected`.

kubernetes        lists the objects of a cluster's tenants
deployer_records  what the deployer recorded for a tenant (pure)
promises          what was deployed for each tenant, from those records and their manifests
readings          objects and promises -> values of each tenant (pure)
sampler           every 5 s, one cluster, while this process holds its lease
prometheus        values that only Prometheus has: latency, errors, GPU utilisation
scraper           every 15 s, one Prometheus
"""
