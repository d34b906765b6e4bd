# The standalone webhook. `docker build -t podrole:0.1.0 .`
#
# Its program is /webhook, as in the image of the EKS pod identity webhook: the same command and arguments start it.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements/webhook.txt requirements/webhook.txt
RUN python -m venv /opt/podrole \
    && /opt/podrole/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/webhook.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/podrole/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && printf '#!/bin/sh\nexec /opt/podrole/bin/python -m podrole.webhook "$@"\n' > /webhook \
    && chmod 755 /webhook

FROM python:3.13-slim-bookworm
COPY --from=build /opt/podrole /opt/podrole
COPY --from=build /webhook /webhook
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8443 9999
ENTRYPOINT ["/webhook"]
