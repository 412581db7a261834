#!/bin/sh
# Makes .venv and installs what requirements.lock lists, with its hashes, and then this project itself.
#
#   PYTHON=...   the interpreter to use instead of the first fitting one of python3.13, 3.12, 3.11, 3.14 and python3
#
# It runs again only when the lock or pyproject.toml has changed (see the Makefile), so it may be thorough.
set -eu
cd "$(dirname "$0")/.."

fits() { # interpreter: 3.11 or newer, and able to make a virtual environment; prints what is missing
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || return 1
    if ! "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        missing="$missing
  $1 is Python $version, and 3.11 or newer is needed"
        return 1
    fi
    if ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        missing="$missing
  $1 (Python $version) can't make virtual environments; on Debian or Ubuntu: apt install python$version-venv"
        return 1
    fi
}

choose_python() {
    missing=""
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3.14 python3}; do
        if command -v "$candidate" >/dev/null && fits "$candidate"; then
            python=$candidate
            return
        fi
    done
    echo "No Python that can be used was found.${missing:-
  Install Python 3.11 or newer (on Debian or Ubuntu: apt install python3 python3-venv).}" >&2
    exit 1
}

# Counts the packages in pip's output; a package for another system is done when pip leaves it out.
count_packages() {
    total=$(grep -c '^[a-zA-Z0-9].*==' requirements.lock)
    done=0
    while read -r word _; do
        case "$word" in
            Collecting | Requirement | Ignoring) done=$((done + 1)) && printf '\r  %d of %d packages' "$done" "$total" ;;
            Installing) printf '\r  %d packages are put in place' "$total" ;;
        esac
    done
    printf '\r\033[K'
}

install_locked() {
    # Compiling everything takes 20 s, and most of it is never imported: Python compiles what is.
    set -- .venv/bin/python -m pip install --no-compile --require-hashes -r requirements.lock
    if [ -t 1 ]; then
        rm -f .venv/installed-all
        { PYTHONUNBUFFERED=1 "$@" --progress-bar off && touch .venv/installed-all; } | count_packages
        rm .venv/installed-all 2>/dev/null
    else
        "$@" --quiet
    fi
}

# One that was moved, or whose interpreter is gone, is created again.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    choose_python
    echo "Making .venv with $(command -v "$python")"
    rm -rf .venv
    "$python" -m venv .venv
fi

echo "Installing what requirements.lock lists (the first time this takes a minute or two)"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
install_locked || exit
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
{ pwd; cat requirements.lock pyproject.toml; } | cksum >.venv/installed
