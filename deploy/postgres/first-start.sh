#!/bin/sh
# Run by the image's entry point after it has created the database, while the server listens only on its socket. Removes
# the superuser's password, so that no password of .env gives access to it. Steps that need a superuser use the socket.
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --command "ALTER ROLE \"$POSTGRES_USER\" PASSWORD NULL"
