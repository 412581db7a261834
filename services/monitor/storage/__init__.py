"""The monitor's tables.

sample_writer        samples, in batches, into `monitoring_data`
availability_store   whether tenants were up, as runs of equal slices
maintenance_windows  planned maintenance
rollups              means and maxima by minute, five minutes and hour, and what is removed after them
"""
