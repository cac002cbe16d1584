#!/usr/bin/env bash
# Compiles requirements/*.txt from pyproject.toml: exact versions with hashes, for every platform.
# Versions already locked stay where they can; `scripts/lock.sh --upgrade` renews all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    local output=$1
    shift
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --output-file "requirements/$output" "$@"
}

compile base.txt pyproject.toml --group build --extra mic --extra meetings "$@"
compile dev.txt pyproject.toml --group build --extra mic --extra meetings --extra bench --extra dev \
    --constraint requirements/base.txt "$@"
compile node.txt --group node "$@"
