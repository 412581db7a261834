#!/bin/sh
# make up, make down: the stack of compose.yaml, with Compose v2 or docker-compose 1.29, whichever is installed.
#
#   up.sh up [arguments of `compose up`]      for example --scale calculator=4; PROFILE=observability, TLS=on in the environment
#   up.sh down [arguments of `compose down`]  for example --volumes, which removes the data too
set -eu
cd "$(dirname "$0")/../.."

fail() {
    echo "$*" >&2
    exit 1
}

find_compose() {
    command -v docker >/dev/null || fail "Docker is not installed: see https://docs.docker.com/engine/install/. Without it: make run."
    docker info >/dev/null 2>&1 || fail "The Docker engine doesn't answer: is it running (systemctl start docker), and may you use it (group docker)?
Without Docker: make run."
    if docker compose version >/dev/null 2>&1; then
        compose="docker compose"
    elif command -v docker-compose >/dev/null; then
        compose="docker-compose"
    else
        fail "Docker is here, and Compose is not: apt install docker-compose-plugin, or docker-compose on Debian."
    fi
}

# Creates or updates .env, readable only by its owner. Without one, it is .env.example with random passwords. An existing
# one gets the settings that a later version has added to the example. Before the first start, passwords of the example are
# replaced by random ones.
make_environment() {
    umask 077
    if [ ! -e .env ]; then
        echo "Making .env from .env.example, with random passwords"
        cp .env.example .env.partial
        replace_examples
        mv .env.partial .env
        return
    fi
    new_settings >.env.partial
    replace_examples
    if [ -s .env.partial ]; then
        echo "Adding to .env, with random passwords: $(cut -d= -f1 .env.partial | tr '\n' ' ')"
        cat .env.partial >>.env
    fi
    rm .env.partial
    if grep -qE "$example_passwords" .env && [ -z "$($compose ps -a -q)" ]; then
        echo "Replacing the example's passwords in .env by random ones"
        # Grafana keeps the password of its first start, so it must not change.
        sed 's/^\(GRAFANA_PASSWORD=.*\)$/\1 #kept/' .env >.env.partial
        replace_examples
        sed 's/ #kept$//' .env.partial >.env.previous
        mv .env.previous .env
        rm .env.partial
    fi
}

# Passwords and URLs that .env.example has and .env hasn't.
new_settings() {
    grep -E '^[A-Z_]*(PASSWORD|DATABASE_URL)=' .env.example | while IFS= read -r line; do
        grep -q "^${line%%=*}=" .env || printf '%s\n' "$line"
    done
}

# Replaces the example's passwords in .env.partial. A password that occurs in a line and in a URL is the same in both;
# each `tryout` becomes a different one.
example_passwords='^[^#]*[=:](tryout|ecp_password|ecp_demo_password|k8s_password)(@|$)'
replace_examples() {
    for example in ecp_password ecp_demo_password k8s_password; do
        sed -E -i.previous "s/([=:])$example($|@)/\1$(password)\2/" .env.partial
    done
    while line=$(grep -nE '[=:]tryout($|@)' .env.partial | head -n 1 | cut -d: -f1) && [ -n "$line" ]; do
        sed -E -i.previous "${line}s/([=:])tryout(\$|@)/\1$(password)\2/" .env.partial
    done
    rm -f .env.partial.previous
}

# Starts with a letter, because NATS parses its variables as configuration, where 12e4 is a number.
password() {
    printf 'p%s' "$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')"
}

# TLS=on makes certificates that are missing, and lets .env choose tls.yaml, so that each later command of Compose has TLS, too;
# TLS=off undoes the choice. Other files that .env chooses stay.
choose_tls() {
    overlay=deploy/compose/tls.yaml
    case "${TLS:-}" in
        '') return ;;
        off) sed -i.previous "s|^\(COMPOSE_FILE=.*\):$overlay|\1|" .env ;;
        on)
            command -v openssl >/dev/null || fail "TLS=on makes certificates with OpenSSL, which is not installed: apt install openssl"
            grep -q '^TLS_FOLDER=.' .env || echo 'TLS_FOLDER=./certificates' >>.env
            deploy/compose/certificates.sh "$(sed -n 's/^TLS_FOLDER=//p' .env)"
            grep -q '^COMPOSE_FILE=.' .env || echo 'COMPOSE_FILE=compose.yaml' >>.env
            sed -i.previous "\\|:$overlay|! s|^COMPOSE_FILE=..*|&:$overlay|" .env
            ;;
        *) fail "TLS=$TLS: on and off are known" ;;
    esac
    rm -f .env.previous
}

# A checksum of all files that images are built from.
sources() {
    find Dockerfile .dockerignore deploy/locks deploy/images shared services cli -type f ! -path '*/__pycache__/*' -exec cksum {} + |
        sort -k 3 | cksum | tr ' ' -
}

# Whether all images have the checksum in a label; that of `ecp` is built by its first use. To find out by building takes ten
# seconds, because Compose sends the files once for each image.
are_built() {
    images=$($compose config | sed -n 's|^ *image: \(ecp/.*\)$|\1|p' | grep -v '^ecp/cli:' | sort -u)
    # shellcheck disable=SC2086  # several images
    found=$(docker image inspect -f '{{index .Config.Labels "ecp.sources"}}' $images 2>/dev/null) || return 1
    [ "$(echo "$found" | sort -u)" = "$ECP_SOURCES" ]
}

# Every container that has a health check, until all are healthy; prints those that are missing. The engine is asked once for
# all of them, because each command of docker-compose 1.29 takes a second.
wait_until_healthy() {
    deadline=$(($(date +%s) + ${WAIT_SECONDS:-240}))
    printed=""
    ids=$($compose ps -a -q)
    while :; do
        # shellcheck disable=SC2086  # several containers
        waiting=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}}' $ids |
            awk '!/ (running healthy|running -|exited -)$/ { printf " %s", $1 }')
        [ -n "$waiting" ] || break
        [ "$waiting" = "$printed" ] || echo "Waiting for$waiting"
        printed=$waiting
        [ "$(date +%s)" -lt "$deadline" ] || fail "Not healthy after ${WAIT_SECONDS:-240} s:$waiting
Look at: $compose ps; $compose logs${waiting}"
        sleep 1
    done
}

# From the containers that `wait_until_healthy` has listed.
port() { # service, port in the container; prints the published address
    # shellcheck disable=SC2086  # several containers
    docker inspect -f "{{index .Config.Labels \"com.docker.compose.service\"}}{{range (index .NetworkSettings.Ports \"$2/tcp\")}} {{.HostIp}}:{{.HostPort}}{{end}}" $ids |
        awk -v service="$1" '$1 == service && $2 { print $2; exit }'
}

find_compose
command=$1
shift
case "$command" in
    up)
        make_environment
        choose_tls
        scheme=http
        ! grep -q '^COMPOSE_FILE=.*:deploy/compose/tls.yaml' .env || scheme=https
        ECP_SOURCES=$(sources)
        export ECP_SOURCES
        build=--build
        ! are_built || build=
        # shellcheck disable=SC2086  # a profile is one argument, or none
        $compose ${PROFILE:+--profile $PROFILE} up -d $build "$@" ||
            fail "It didn't come up. Look at: $compose ps -a; $compose logs roles migrate bootstrap
Common causes are in docs/operations.md, under Troubleshooting."
        wait_until_healthy
        echo "Ready.
  API          $scheme://$(port backend 8001)/api/v1
  its docs     $scheme://$(port backend 8001)/docs
  simulator    kubectl --server http://$(port k8s-simulator-backend 8000)/clusters/demo get pods -A
  logs         $compose logs -f backend
  stop         make down (the data stays in volumes; ARGS=--volumes removes it)"
        ;;
    down)
        $compose --profile observability --profile tools down "$@"
        ;;
    *) fail "up.sh up, or up.sh down" ;;
esac
