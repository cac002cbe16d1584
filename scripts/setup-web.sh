#!/usr/bin/env bash
# Builds the web app into web/dist; does nothing when neither sources nor packages have changed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

[ -f web/package.json ] || exit 0
use_node || fail "Node 20.19 or newer is missing." "Run: scripts/setup-node.sh"

packages=$(hash_of web/package.json web/package-lock.json)
sources=$(find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -print0 |
    sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)

if [ ! -d web/node_modules ] || ! stamped web-packages "$packages"; then
    say "Installing the web app's packages"
    npm --prefix web ci --no-audit --no-fund --loglevel=error ||
        fail "the web app's packages could not be installed; see npm's message above." \
            "Without internet access, point npm at a mirror (npm_config_registry)."
    stamp web-packages "$packages"
fi
if [ ! -f web/dist/index.html ] || ! stamped web-build "$sources"; then
    say "Building the web app"
    npm --prefix web run build
    stamp web-build "$sources"
fi
