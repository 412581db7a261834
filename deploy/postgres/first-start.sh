#!/bin/sh
# Run by the image's entry point when it has made the database, before anything but its own socket is listened on: the
# superuser gets no password, so that none of .env opens it. What needs a superuser uses the socket.
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --command "ALTER ROLE \"$POSTGRES_USER\" PASSWORD NULL"
