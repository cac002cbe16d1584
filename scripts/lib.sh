# shellcheck shell=bash
# Shared by the setup scripts: messages, stamps, administrator rights, apt, Node.

stamps=.venv/.stamps
node_dir=.venv/node

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
warn() { printf '\033[33m  ! %s\033[0m\n' "$*" >&2; }
fail() {
    printf '\033[31mError: %s\033[0m\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

# hash_of FILE...: one hash over the contents and names of files.
hash_of() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

# stamped NAME KEY: whether NAME was done with exactly this KEY.
stamped() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() {
    mkdir -p "$stamps"
    printf '%s\n' "$2" >"$stamps/$1"
}

# as_root COMMAND...: runs it with administrator rights, or returns 1 where they cannot be had.
may_be_root() { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# apt_install PACKAGE...: installs without starting any service that a package brings.
apt_install() {
    local policy=/usr/sbin/policy-rc.d ours=no code=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && ours=yes
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet=2 -o Dpkg::Use-Pty=0 --no-install-recommends "$@" \
        >/dev/null || code=$?
    [ "$ours" = no ] || as_root rm -f "$policy"
    return "$code"
}

# node_is_fit: whether the `node` and `npm` on PATH serve (Node 20.19 or newer, as Vite wants).
node_is_fit() {
    command -v npm >/dev/null || return 1
    local major minor
    IFS=. read -r major minor _ < <(node --version 2>/dev/null | tr -d v)
    [ "${major:-0}" -gt 20 ] || { [ "${major:-0}" -eq 20 ] && [ "$minor" -ge 19 ]; }
}

# use_node: puts a fit Node on PATH: the one of this machine, or the one that setup-node.sh keeps
# in .venv. Returns 1 where there is neither.
use_node() {
    node_is_fit && return
    [ -x "$node_dir/node" ] || return 1
    PATH="$PWD/$node_dir:$PATH"
    export PATH
    node_is_fit
}
