# One file, one target for each image:
#
#   docker build --target gateway -t ecp/gateway .
#
# Targets: gateway, calculator, manifest, deployer, monitor, simulator; migrate (tables) and bootstrap (streams), which
# run to their end; cli (`ecp`). Each has the dependencies of its own extra and its own code, and nothing to build with.
# It needs neither BuildKit nor its cache mounts, so that docker-compose 1.29 builds it too.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
COPY deploy/locks /locks
COPY deploy/images /divide
# Every package once, since most are in several locks, and then an environment for each lock. Wheels only: nothing is built,
# and no package's code runs while it is installed. Without pip: this stage's own installs into it, so that none is left
# to copy. divide.py compiles, because half of what is installed is left out.
RUN python -m venv --without-pip /opt/ecp \
    && python -m pip --python /opt/ecp/bin/python install --quiet --no-deps --no-compile --require-hashes --only-binary=:all: \
        $(printf -- ' -r %s' /locks/*.lock) \
    && python /divide/divide.py /opt/ecp /locks /environments && rm -r /opt/ecp

# Compiled here, because a read-only root can't keep what Python would compile at each start.
FROM python:3.11-slim-bookworm AS code
COPY shared /app/shared
COPY services /app/services
COPY cli /app/cli
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:3.11-slim-bookworm AS runtime
# What Python's image has for building: pip, setuptools and wheel.
RUN rm -rf /usr/local/lib/python3.11/site-packages/* /usr/local/bin/pip* /usr/local/bin/wheel \
    && groupadd --gid 10001 ecp && useradd --uid 10001 --gid ecp --no-create-home --shell /usr/sbin/nologin ecp \
    && install -d -o ecp -g ecp -m 0700 /var/lib/ecp
ENV PATH=/opt/ecp/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONUTF8=1 \
    HOST=0.0.0.0
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ECP-AI Kubernetes Orchestrator" \
      org.opencontainers.image.description="Sizes, renders, proves, deploys and watches AI contact centres on Kubernetes" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0"

# What a service has beside a step: a port, and `/ready` on it.
FROM runtime AS service
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-I", "-S", "shared/probe.py"]

FROM service AS gateway
COPY --from=build /environments/gateway /opt/ecp
COPY --from=code /app/shared shared
COPY --from=code /app/services/__init__.py services/
COPY --from=code /app/services/gateway services/gateway
ENV PORT=8001
EXPOSE 8001
ENTRYPOINT ["python", "-I", "-S", "shared/entrypoint.py", "--", "python", "-m", "services.gateway"]

FROM service AS calculator
COPY --from=build /environments/calculator /opt/ecp
COPY --from=code /app/shared shared
COPY --from=code /app/services/__init__.py services/
COPY --from=code /app/services/calculator services/calculator
ENV PORT=8011
EXPOSE 8011
ENTRYPOINT ["python", "-I", "-S", "shared/entrypoint.py", "--", "python", "-m", "services.calculator"]

FROM service AS manifest
COPY --from=build /environments/manifest /opt/ecp
COPY --from=code /app/shared shared
COPY --from=code /app/services/__init__.py services/
COPY --from=code /app/services/manifest services/manifest
ENV PORT=8012
EXPOSE 8012
ENTRYPOINT ["python", "-I", "-S", "shared/entrypoint.py", "--", "python", "-m", "services.manifest"]

FROM service AS deployer
COPY --from=build /environments/deployer /opt/ecp
COPY --from=code /app/shared shared
COPY --from=code /app/services/__init__.py services/
COPY --from=code /app/services/deployer services/deployer
ENV PORT=8013
EXPOSE 8013
ENTRYPOINT ["python", "-I", "-S", "shared/entrypoint.py", "--", "python", "-m", "services.deployer"]

FROM service AS monitor
COPY --from=build /environments/monitor /opt/ecp
COPY --from=code /app/shared shared
COPY --from=code /app/services/__init__.py services/
COPY --from=code /app/services/monitor services/monitor
ENV PORT=8014
EXPOSE 8014
ENTRYPOINT ["python", "-I", "-S", "shared/entrypoint.py", "--", "python", "-m", "services.monitor"]

FROM service AS simulator
COPY --from=build /environments/simulator /opt/ecp
COPY --from=code /app/shared shared
COPY --from=code /app/services/__init__.py services/
COPY --from=code /app/services/simulator services/simulator
# The guides have it at 8000 inside, and at 6360 outside.
ENV PORT=8000 SIMULATOR_HOST=0.0.0.0 SIMULATOR_STATE_DIRECTORY=/var/lib/ecp
EXPOSE 8000 6361
ENTRYPOINT ["python", "-I", "-S", "shared/entrypoint.py", "--", "python", "-m", "services.simulator"]

FROM runtime AS migrate
COPY --from=build /environments/migrate /opt/ecp
COPY --from=code /app/shared shared
ENTRYPOINT ["python", "-m", "shared.database", "upgrade"]

FROM runtime AS bootstrap
COPY --from=build /environments/bootstrap /opt/ecp
COPY --from=code /app/shared shared
ENTRYPOINT ["python", "-m", "shared.bus", "bootstrap"]

FROM runtime AS cli
COPY --from=build /environments/cli /opt/ecp
COPY --from=code /app/shared shared
COPY --from=code /app/cli cli
ENTRYPOINT ["python", "-m", "cli"]
