#!/usr/bin/env bash
# Every check that runs no test: style, import rules, types, and the web app's own checks and tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
use_node || true
export PATH="$PWD/.venv/bin:$PATH"

say "ruff"
ruff format --check --quiet .
ruff check --quiet .
say "import rules"
lint-imports --no-logo
say "pyright"
PYRIGHT_PYTHON_IGNORE_WARNINGS=1 pyright --warnings
if [ -f web/package.json ]; then
    say "web app: types and unit tests"
    npm --prefix web run --if-present typecheck
    npm --prefix web run --if-present test
fi
