# Two stages: the first has what builds, the second only what runs.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/rungraph
COPY requirements/ requirements/
RUN python -m pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && /opt/rungraph/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY adapters/ adapters/
COPY gateway/ gateway/
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/rungraph/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home rungraph
COPY --from=build /opt/rungraph /opt/rungraph
ENV PATH="/opt/rungraph/bin:$PATH" PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
# It listens on all addresses of the container, and refuses to without [auth] in the configuration; where something in
# front of it settles who may call, set server.allow_unauthenticated = true there.
ENTRYPOINT ["rungraph"]
CMD ["serve", "--config", "/etc/rungraph/rungraph.toml", "--host", "0.0.0.0"]
