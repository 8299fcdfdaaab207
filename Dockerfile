# One image for everything: `docker run IMAGE` is the platform, any other word goes to `advisory-perf` (docker/entrypoint.sh).
#
# A release names its base by digest, so that the same image comes out tomorrow:
#   docker build --build-arg BASE_IMAGE=docker.io/library/python:3.11-slim@sha256:… .
# `make image BASE_IMAGE=…` refuses a base without one. The default below has none and is for trying things out.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim

FROM ${BASE_IMAGE} AS wheel
WORKDIR /source
COPY requirements-build-locked.txt ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements-build-locked.txt
COPY pyproject.toml setup.py README.md LICENSE dagster.yaml requirements.txt requirements-embedded.txt ./
COPY sql ./sql
COPY advisory_perf ./advisory_perf
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM ${BASE_IMAGE}
COPY requirements-locked.txt /tmp/
RUN pip install --no-cache-dir --require-hashes --requirement /tmp/requirements-locked.txt && rm /tmp/requirements-locked.txt
COPY --from=wheel /wheels /tmp/wheels
RUN pip install --no-cache-dir --no-deps --no-index /tmp/wheels/*.whl && rm -r /tmp/wheels
COPY --chmod=0555 docker/entrypoint.sh /usr/local/bin/entrypoint.sh

# Code and interpreter belong to root; the user owns the volume alone, and runs with a root file system that is read-only:
#   docker run --read-only --tmpfs /tmp --volume advisory_perf:/data IMAGE
RUN useradd --no-create-home --home-dir /data --uid 1000 advisory && install --directory --owner advisory --mode 0700 /data
USER advisory
WORKDIR /data
VOLUME /data
ENV ADVISORY_PERF_HOME=/data \
    DAGSTER_HOME=/data/dagster \
    DAGSTER_EVENT_BATCH_SIZE=1000 \
    DAGSTER_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1
# Start takes the time of a migration check, the code server's import and the daemon's first heartbeat.
HEALTHCHECK --interval=30s --timeout=20s --start-period=120s --retries=3 CMD ["advisory-perf", "health"]
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
CMD ["platform"]
