"""The ladder: the whole stack with more and more tenants, and what they cost.

options    which rungs, how large the tenants, how long, from the environment
stack      `make run` without its first deployment, on free ports, with nodes for all tenants
processes  CPU time and memory of its programs
servers    what NATS and PostgreSQL count
climb      creates the tenants of a rung and waits until they run
rung       observes one rung
fit        what a tenant costs, and where the next wall is (pure)
trend      whether memory grows, by a line with a confidence interval (pure)
tables     what is printed
"""
