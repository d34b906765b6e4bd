#!/bin/sh
# Resolves pyproject.toml into requirements/*.txt: every version pinned, every file hashed, no index named.
# Needs uv on PATH; nothing else in the project does.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1
    shift
    uv pip compile "$@" --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-annotate --no-header --output-file "$out" ${UPGRADE:+--upgrade}
}
lock requirements/demo.txt pyproject.toml --extra demo --group build
lock requirements/dev.txt pyproject.toml --extra demo --group build --group dev --constraints requirements/demo.txt
lock requirements/docs.txt pyproject.toml --group build --group docs
lock requirements/build.txt --group pyproject.toml:build --constraints requirements/demo.txt
lock requirements/webhook.txt --group pyproject.toml:webhook --constraints requirements/demo.txt
lock requirements/world.txt pyproject.toml --extra services --constraints requirements/demo.txt
