#!/bin/sh
# The entry point of the official PostgreSQL image, as far as compose.yaml needs it: at the first start it creates the data
# directory, and the user and database of POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB; then it runs the server as `postgres`.
set -eu

become_postgres() {
    mkdir -p "$PGDATA" "$PGHOST"
    chown -R postgres "$PGDATA" "$PGHOST"
    exec setpriv --reuid postgres --regid postgres --init-groups sh "$0" "$@"
}

make_database() {
    password=$(mktemp)
    echo "$POSTGRES_PASSWORD" >"$password"
    # shellcheck disable=SC2086  # several arguments
    initdb --username "$POSTGRES_USER" --pwfile "$password" --auth-local trust --auth-host scram-sha-256 \
        ${POSTGRES_INITDB_ARGS:-}
    echo "unix_socket_directories = '$PGHOST'" >>"$PGDATA/postgresql.conf"
    rm "$password"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options "-c listen_addresses=''" start
    createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sh; do
        [ ! -e "$script" ] || sh "$script"
    done
    pg_ctl --wait stop
}

[ "$(id -u)" != 0 ] || become_postgres "$@"
[ -s "$PGDATA/PG_VERSION" ] || make_database
exec "$@" -c listen_addresses='*'
