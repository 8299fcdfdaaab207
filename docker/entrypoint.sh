#!/bin/sh
# Needs ADVISORY_PERF_LAKE_URL, ADVISORY_PERF_WAREHOUSE_URL and ADVISORY_PERF_DAGSTER_URL; web page and daemon also
# CODE_LOCATION_HOST, the host on which `code-location` runs.
set -eu
case "${1:-}" in
code-location) exec dagster code-server start --host 0.0.0.0 --port 4000 --module-name advisory_perf.definitions --location-name advisory_perf ;;
webserver) exec dagster-webserver --host 0.0.0.0 --port 3000 --workspace /app/docker/workspace.yaml ;;
daemon) exec dagster-daemon run --workspace /app/docker/workspace.yaml ;;
*) exec advisory-perf "$@" ;;
esac
