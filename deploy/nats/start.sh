#!/bin/sh
# Starts NATS in a container. Streams of a version without accounts are in the folder of NATS's default account, which is
# renamed to that of the services' account. Each other system in NATS_OUTSIDE_SYSTEMS (`crm:<password> erp:<password>`)
# gets an account. Arguments, for tests: JetStream's store, the configuration, and the folder for the generated one.
set -eu

store=${1:-/data/jetstream}/jetstream
config=${2:-/etc/nats/nats.conf}
made=${3:-/tmp/nats}
earlier="$store/\$G"
ours="$store/SERVICES"

fail() {
    echo "$1" >&2
    exit 1
}

account_of() {
    name=${1%%:*}
    password=${1#*:}
    case $name in
        '' | -* | *- | *[!a-z0-9-]*) fail "NATS_OUTSIDE_SYSTEMS: '$name' is no name: a-z, 0-9 and -, not at an end" ;;
        gateway | calculator | manifest | deployer | monitor | outside | operator | bootstrap)
            fail "NATS_OUTSIDE_SYSTEMS: '$name' is the name of an account of our own" ;;
    esac
    [ ${#name} -le 30 ] || fail "NATS_OUTSIDE_SYSTEMS: '$name' has more than 30 characters"
    case $1 in *:*) ;; *) fail "NATS_OUTSIDE_SYSTEMS: '$name' has no password: write $name:<password>" ;; esac
    case $password in
        '' | *[!A-Za-z0-9_-]*) fail "NATS_OUTSIDE_SYSTEMS: the password of '$name' has to be letters, digits, - and _" ;;
    esac
    sed -e "s/@NAME@/$name/g" -e "s/@PASSWORD@/$password/g" "$(dirname "$config")/system.conf.in"
}

# TLS, which begins before the server sends anything. With NATS_TLS_VERIFY clients need a certificate of the same authority.
tls() {
    [ -n "${NATS_TLS_FOLDER:-}" ] || return 0
    for file in nats.crt nats.key ca.crt; do
        [ -r "$NATS_TLS_FOLDER/$file" ] || fail "NATS_TLS_FOLDER: $NATS_TLS_FOLDER/$file can't be read"
    done
    verify=false
    case ${NATS_TLS_VERIFY:-} in 1 | on | true | yes) verify=true ;; esac
    printf 'tls { cert_file: "%s/nats.crt", key_file: "%s/nats.key", ca_file: "%s/ca.crt", verify: %s, handshake_first: true }\n' \
        "$NATS_TLS_FOLDER" "$NATS_TLS_FOLDER" "$NATS_TLS_FOLDER" "$verify"
}

if [ -d "$earlier" ]; then
    [ ! -e "$ours" ] || fail "$earlier has streams of another version than those in $ours: remove one of the two"
    mv "$earlier" "$ours"
fi

umask 077
mkdir -p "$made"
cp "$config" "$made/nats.conf"
cp "$(dirname "$config")/accounts.conf" "$made/accounts.conf"
tls > "$made/tls.conf"
: > "$made/systems.conf"
for system in ${NATS_OUTSIDE_SYSTEMS:-}; do
    account_of "$system" >> "$made/systems.conf"
done
exec nats-server --config "$made/nats.conf"
