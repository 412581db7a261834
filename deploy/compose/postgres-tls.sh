#!/bin/sh
# Starts PostgreSQL with TLS in the container of deploy/compose/tls.yaml; its arguments are the server and the server's arguments.
# PostgreSQL refuses a key of others, and the mounted file belongs to the person who made it.
set -eu
install -o postgres -m 0600 /etc/ecp-tls/postgres.key /tmp/postgres.key
exec docker-entrypoint.sh "$@" -c ssl=on -c ssl_min_protocol_version=TLSv1.2 \
    -c ssl_cert_file=/etc/ecp-tls/postgres.crt -c ssl_key_file=/tmp/postgres.key
