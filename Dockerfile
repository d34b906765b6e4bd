# The standalone webhook. `docker build -t podrole-webhook:0.2.0 .`; `make images` builds it without a daemon.
#
# Its program is /webhook, as in the image of the EKS pod identity webhook: the same command and arguments start it.
# BASE is any image with Python 3.11 or newer as python3, with the module venv.
ARG BASE=python:3.13-slim-bookworm
FROM ${BASE} AS build
# For a build behind a package index of your own.
ARG PIP_CERT
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/build.txt requirements/webhook.txt requirements/
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/podrole \
    && /opt/build/bin/pip install --no-deps --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/podrole/bin/python install --no-deps --require-hashes -r requirements/webhook.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# The compiled files name the hash of their source, not its time: the same sources give the same image.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
    && /opt/build/bin/pip --python /opt/podrole/bin/python install --no-deps /opt/wheel/*.whl \
    && /opt/podrole/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/podrole/lib \
    && printf '#!/bin/sh\nexec /opt/podrole/bin/python -m podrole.webhook "$@"\n' > /webhook \
    && chmod 755 /webhook

FROM ${BASE}
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="podrole-webhook" \
    org.opencontainers.image.description="The mutating webhook that gives Kubernetes pods their AWS identity" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/podrole /opt/podrole
COPY --from=build /webhook /webhook
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8443 9999
ENTRYPOINT ["/webhook"]
