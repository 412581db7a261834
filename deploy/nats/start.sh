#!/bin/sh
# NATS in a container. Streams of a version without accounts lie in the folder of NATS's default account; they are given
# to that of the services. Arguments, for a test: where JetStream stores, and the configuration.
set -eu

store=${1:-/data/jetstream}/jetstream
earlier="$store/\$G"
ours="$store/SERVICES"

if [ -d "$earlier" ]; then
    if [ -e "$ours" ]; then
        echo "$earlier has streams of another version than those in $ours: remove one of the two" >&2
        exit 1
    fi
    mv "$earlier" "$ours"
fi
exec nats-server --config "${2:-/etc/nats/nats.conf}"
