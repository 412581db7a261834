"""Reporting: what the stored availability amounts to. The rules of the SLA are in `shared.sla`.

reporter    publishes `sla.reported` for each tenant
sla_report  answers `rpc.sla_report` for one tenant and period
periods     days, weeks and months in a time zone, rolling windows (pure)
"""
