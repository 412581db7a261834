"""The monitor's tables.

sample_rules         which samples the table can hold (pure)
sample_writer        samples, in batches, into `monitoring_data`
availability_store   whether tenants were up, as runs of equal slices
maintenance_windows  planned maintenance
rollups              means and maxima by minute, five minutes and hour, and the removal of old samples
progress             how far rolling up and removing have come
request_counts       requests by minute, from rollups and samples
housekeeping         partitions, and the removal of old availability
"""
