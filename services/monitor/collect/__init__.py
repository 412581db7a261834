"""Measuring: reads clusters and Prometheus, and publishes `metrics.sampled`.

kubernetes        the objects of a cluster's tenants
watched_list      those of one kind, by a list and a watch
api_server        the requests to the API server
kept_fields       the fields that are kept of an object (pure)
deployer_records  what the deployer recorded for a tenant (pure)
promises          what was deployed for each tenant, from those records and their manifests
readings          objects and promises -> values of each tenant (pure)
sampler           every 5 s, this process's share of the tenants of one cluster
slice_events      values of all tenants -> as few events as fit (pure)
prometheus        values that only Prometheus has: latency, errors, GPU utilisation
scraper           every 15 s, one Prometheus
"""
