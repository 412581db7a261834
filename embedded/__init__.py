"""The whole product on one machine: NATS, PostgreSQL and the six services, without Docker and without root.

`python -m embedded run` is what `make run` calls. `embedded.nats.running_nats` and `embedded.postgres.running_postgres`
give a test the same two servers, each in a directory of its own.
"""
