# Two stages: the first builds with uv from the committed lock, the last holds the virtual environment and nothing to build with.
FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/stillgate
WORKDIR /src
RUN python -m pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project
COPY proxy ./proxy
COPY policies ./policies
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim
LABEL org.opencontainers.image.title="stillgate" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/stillgate stillgate
COPY --from=build /opt/stillgate /opt/stillgate
ENV PATH=/opt/stillgate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STILLGATE_LISTEN=0.0.0.0:8080 \
    STILLGATE_ADMIN=0.0.0.0:8081 \
    STILLGATE_STATE_DIR=/var/lib/stillgate
USER 10001
WORKDIR /var/lib/stillgate
VOLUME /var/lib/stillgate
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/health/ready', timeout=2)"]
ENTRYPOINT ["stillgate"]
CMD ["serve"]
