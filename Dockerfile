# One image, three services by command:
#   docker run IMAGE code-location     gRPC server with the assets, port 4000
#   docker run IMAGE webserver         the web page, port 3000
#   docker run IMAGE daemon            sensors, backfills, run queue
# and everything that `advisory-perf` can do:  docker run IMAGE migrate
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 advisory
WORKDIR /app

COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt

COPY pyproject.toml README.md workspace.yaml dagster.yaml ./
COPY advisory_perf ./advisory_perf
COPY sql ./sql
COPY docker/entrypoint.sh docker/workspace.yaml ./docker/
RUN pip install --no-cache-dir --no-deps --editable . \
    && mkdir -p /app/dagster_home && cp dagster.yaml /app/dagster_home/ && chown -R advisory /app

USER advisory
ENV DAGSTER_HOME=/app/dagster_home \
    DAGSTER_EVENT_BATCH_SIZE=1000 \
    DAGSTER_DISABLE_TELEMETRY=1
EXPOSE 3000 4000
ENTRYPOINT ["/app/docker/entrypoint.sh"]
CMD ["webserver"]
