#!/bin/sh
# Needs ADVISORY_PERF_LAKE_URL, ADVISORY_PERF_WAREHOUSE_URL and (but for `serve`) ADVISORY_PERF_DAGSTER_URL, and a volume at /data.
#   platform [--port P]    code server, daemon and read-only page under one supervisor; the page listens on 127.0.0.1
#   page [--port P]        the page alone, in the network and volume of a container that runs `platform`
#   serve [--port P]       the REST API, which `platform` does not start: in a container of its own, with the volume for the file of tokens, and
#                          with a health check on /health/live, since the image's asks for the parts of `platform`
# and every other command of advisory-perf.
set -eu
umask 077
exec advisory-perf "$@"
