#!/usr/bin/env bash
# Makes .venv and installs the pinned Python packages and the project itself.
# Usage: setup-python.sh [base|dev]   base: what running takes; dev: what the tests take as well.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

kind=${1:-base}
key=$(hash_of pyproject.toml requirements/base.txt requirements/dev.txt scripts/setup-python.sh)
stamped python-dev "$key" && exit
[ "$kind" = base ] && stamped python-base "$key" && exit

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer was found." \
        "On Debian or Ubuntu: sudo apt-get install python3 python3-venv" \
        "Elsewhere install it, or name it: make PYTHON=/path/to/python3.11 run"
}

make_venv() {
    local python version
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        if ! command -v apt-get >/dev/null || ! may_be_root; then
            fail "$version cannot make a virtual environment." \
                "Run: sudo apt-get install $version-venv"
        fi
        say "$version has no venv module; installing $version-venv"
        as_root apt-get update -qq || true
        apt_install "$version-venv" || fail "$version-venv could not be installed." \
            "Run: sudo apt-get install $version-venv"
    fi
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    make_venv
fi

say "Installing Python packages ($kind)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
.venv/bin/python -m pip install --quiet --require-hashes -r "requirements/$kind.txt" ||
    fail "the Python packages could not be installed; see pip's message above." \
        "Without internet access, point pip at a mirror (PIP_INDEX_URL) and run make again."
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .

rm -f "$stamps/python-base" "$stamps/python-dev"
stamp "python-$kind" "$key"
