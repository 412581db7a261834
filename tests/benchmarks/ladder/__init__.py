"""The ladder: the whole stack with more and more tenants, and what they cost.

stack      `make run` without its first deployment, on free ports, with nodes for all tenants
processes  CPU time and memory of its programs
servers    what NATS and PostgreSQL count
climb      creates the tenants of a rung and waits until they run
rung       observes one rung
tables     what is printed

What is computed has tests and is in `tests.support`: `ladder_options`, `ladder_fit`, `ladder_trend`.
"""
