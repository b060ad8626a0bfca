# The daemon in a container: no network, no root, a file system that cannot be written but for what it keeps.
#
# Bases
#   nvcr.io/nvidia/l4t-jetpack:r36.4.0              the default: Jetson Orin, JetPack 6.1 and 6.2 (CUDA 12.6, Python 3.10); arm64 only
#   nvcr.io/nvidia/cuda:13.0.1-runtime-ubuntu24.04  Jetson Thor, JetPack 7, which takes the CUDA images of servers; arm64 and amd64
#   ubuntu:24.04, python:3.12-slim                  any other machine, without a GPU
# Sources: NVIDIA's notes on CUDA 13.0 for Jetson Thor; the tags as published Dockerfiles use them. The registry itself was not asked.
#
# What was tried: no Docker daemon was at hand. Nothing was built from this file and nothing was run in a container, on no base and no
# board. By hand were run, on amd64 with Python 3.11: the wheel from the files that .dockerignore lets pass, its installation into an empty
# environment, and edge-runtime version from there.
#
# Build       docker build -t edge-runtime .
#             docker build -t edge-runtime --build-arg BASE=python:3.12-slim .
# Models      docker run --rm -v edge-runtime-models:/models edge-runtime models prepare pocket
#             once, with a network; the only command that needs one
# Run         docker run -d --name glasses --restart unless-stopped --init \
#               --network none --read-only --cap-drop ALL --security-opt no-new-privileges \
#               --tmpfs /tmp --tmpfs /run/edge_runtime:mode=0700,uid=10001,gid=10001 \
#               -v edge-runtime-models:/models:ro -v edge-runtime-state:/state \
#               --device /dev/video0 --group-add "$(getent group video | cut -d: -f3)" edge-runtime
#             on a Jetson, for its GPU, also: --runtime nvidia --group-add "$(getent group render | cut -d: -f3)"
# Talk        docker exec glasses edge-runtime ask "where was my mug?"
# End         docker stop glasses
#
# Without a network a camera or an eye tracker at an address (rtsp://, pupil:) cannot be reached, and the metrics are seen only from inside.

ARG BASE=nvcr.io/nvidia/l4t-jetpack:r36.4.0

FROM ${BASE} AS base
ENV DEBIAN_FRONTEND=noninteractive
# Ubuntu's Python comes without venv; a Python image has it.
RUN python3 -c 'import ensurepip, venv' 2>/dev/null || \
    { apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*; }

FROM base AS build
# cpu runs the models, export prepares them; cuda has no arm64 build on the public index.
ARG EXTRAS=cpu,export
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/edge_runtime && \
    /opt/edge_runtime/bin/pip install --no-cache-dir --disable-pip-version-check ".[${EXTRAS}]"

FROM base
# Cameras belong to the group video; its number is that of the host's (see --group-add).
RUN groupadd --gid 10001 wearer && \
    useradd --uid 10001 --gid wearer --groups video --no-create-home --home-dir /state --shell /usr/sbin/nologin wearer && \
    install -d -o wearer -g wearer -m 0700 /models /state /run/edge_runtime
COPY --from=build /opt/edge_runtime /opt/edge_runtime
ENV PATH=/opt/edge_runtime/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_WAIT_POLICY=passive \
    EDGE_RUNTIME_CACHE=/models \
    XDG_STATE_HOME=/state \
    XDG_CONFIG_HOME=/state/config \
    XDG_RUNTIME_DIR=/run/edge_runtime
USER wearer
WORKDIR /state
VOLUME ["/models", "/state"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["edge-runtime", "status"]
ENTRYPOINT ["edge-runtime"]
CMD ["run"]
