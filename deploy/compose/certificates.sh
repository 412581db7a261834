#!/bin/sh
# Makes an authority in a folder, and certificates for NATS, the PostgreSQL servers, the gateway and the services as NATS' clients:
#
#   deploy/compose/certificates.sh certificates [name or address of this machine]...
#
# What is there already stays: to make a certificate again, remove it. Keep ca.key elsewhere; only this script needs it. The
# other keys are readable for everyone in the folder, which is closed to others, because each container has a user of its own.
set -eu
umask 077
[ $# -ge 1 ] || { echo "certificates.sh FOLDER [NAME]..." >&2; exit 1; }
folder=$1
shift
mkdir -p "$folder"
cd "$folder"

key() { # name
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

alternatives() { # names; prints them as OpenSSL's subjectAltName
    for each in "$@"; do
        case $each in
            *:* | *[0-9].[0-9]*.[0-9]*.[0-9]*) printf ',IP:%s' "$each" ;;
            *) printf ',DNS:%s' "$each" ;;
        esac
    done | cut -c 2-
}

certificate() { # name, extended key usage, names...
    name=$1 usage=$2
    shift 2
    [ ! -e "$name.crt" ] || return 0
    key "$name"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    {
        # All that strict clients ask for, such as Python 3.13.
        printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
        printf 'extendedKeyUsage=%s\nsubjectAltName=%s\n' "$usage" "$(alternatives "$@")"
    } >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -sha256 -extfile "$name.ext" -out "$name.crt" 2>/dev/null
    rm "$name.csr" "$name.ext"
    chmod 0644 "$name.crt" "$name.key"
}

if [ ! -e ca.crt ]; then
    key ca
    openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=ECP containers" -addext keyUsage=critical,keyCertSign,cRLSign -out ca.crt
    chmod 0644 ca.crt
fi
certificate nats serverAuth nats localhost 127.0.0.1 "$@"
certificate postgres serverAuth postgres postgres-demo k8s-simulator-postgres postgres-simulator localhost 127.0.0.1 "$@"
certificate gateway serverAuth gateway backend localhost 127.0.0.1 "$@"
certificate client clientAuth ecp-services
