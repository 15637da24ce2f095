# The image of a Longtake worker: slim, not root, and with the versions that were tested.
#
#   docker build -t longtake .
#   docker run -e PREFECT_API_URL -e LONGTAKE_API_KEY -e LONGTAKE_STORE=s3://films/longtake longtake
#
# The base has Python and no compiler: every pinned package has a wheel, and ffmpeg comes with one.
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/longtake
COPY constraints.txt ./
RUN /opt/longtake/bin/python -m pip install --quiet --no-deps --require-hashes -r constraints.txt
COPY pyproject.toml README.md LICENSE ./
COPY flows flows
COPY tasks tasks
COPY blocks blocks
COPY longtake longtake
RUN /opt/longtake/bin/python -m pip install --quiet --no-deps --no-build-isolation .

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.source="https://github.com/longtake/longtake" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --create-home --uid 10001 longtake \
    && install --directory --owner longtake /films
COPY --from=build /opt/longtake /opt/longtake
ENV PATH=/opt/longtake/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /films
# `--with-healthcheck` serves /health, which answers 503 when the worker has not asked its server for a while.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
CMD ["prefect", "worker", "start", "--pool", "films", "--type", "process", "--install-policy", "never", "--with-healthcheck"]
