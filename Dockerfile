# Any image with Python 3.11 or later, its venv module and pip will do.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /src
# Without pip in it: the environment is copied into the image, and nothing is installed there later.
RUN python -m venv --without-pip /opt/precis
COPY requirements.lock ./
RUN python -m pip --python /opt/precis/bin/python install --no-cache-dir --only-binary=:all: \
      --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY graphs graphs
COPY migrations migrations
RUN python -m pip --python /opt/precis/bin/python install --no-cache-dir --no-deps --no-build-isolation . \
    && python -m pip --python /opt/precis/bin/python uninstall --yes setuptools
# The vocabularies that tiktoken would download; readable by all, whatever user the service runs as.
RUN TIKTOKEN_CACHE_DIR=/opt/vocabularies /opt/precis/bin/python -P -c \
      "from graphs.text.tokens import VOCABULARIES, OpenAITokens; [OpenAITokens(name) for name in VOCABULARIES]" \
    && chmod -R a+rX /opt/vocabularies

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="Precis" \
      org.opencontainers.image.description="Summaries of document batches that can be trusted: a LangGraph map-reduce service with a durable ledger of every paid model call." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin precis \
    && install --directory --owner=precis --group=precis --mode=0700 /data
COPY --from=build /opt/vocabularies /opt/vocabularies
COPY --from=build /opt/precis /opt/precis
ENV PATH=/opt/precis/bin:$PATH
# Python's images bring their standard library uncompiled, and nothing can be written later: what the service, its parser
# and the health check import is compiled here (pip compiled the packages).
RUN python -c "import app.cli, app.server, app.terminal.commands, app.terminal.local, app.ingest.child, urllib.request"
# hadolint ignore=DL3064  # the TOKEN in that name is no secret
ENV PYTHONDONTWRITEBYTECODE=1 \
    TIKTOKEN_CACHE_DIR=/opt/vocabularies \
    PRECIS_HOST=0.0.0.0 \
    PRECIS_PORT=8000 \
    PRECIS_DATA_DIR=/data
# Not /data: the parsers' processes look for modules in the working directory, so nobody may write there.
WORKDIR /opt/precis
# By number: Kubernetes cannot tell from a name that it is not root.
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PRECIS_PORT']}/readyz\", timeout=4)"]
ENTRYPOINT ["precis"]
CMD ["serve"]
