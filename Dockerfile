# The planner node. Build argument TORCH chooses the torch wheel, as in the Makefile:
#   docker compose build                                      the CPU node
#   docker compose --profile gpu build                        the CUDA node
# Where the package index has no CPU build of torch, the CPU node gets the large default, which works
# as well; PIP_EXTRA_INDEX_URL can name one that has it.
FROM python:3.11-slim

ARG TORCH="torch==2.13.0"
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /app
# On CUDA, Triton compiles what launches its kernels: a little C, at the first start.
RUN case "$TORCH" in *+cpu) ;; *) \
        apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
        && rm -rf /var/lib/apt/lists/* ;; \
    esac
COPY requirements.lock pyproject.toml README.md ./
RUN (pip install --no-cache-dir "$TORCH" || pip install --no-cache-dir "${TORCH%+cpu}") \
    && pip install --no-cache-dir -r requirements.lock
COPY llama_api_service.py llama_api_service_function.py ./
COPY messages messages
COPY planner_node planner_node
COPY config config
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && useradd --create-home --uid 10001 planner \
    && mkdir /data && chown planner /data
USER planner
ENV PLANNER__JOURNAL__URL=sqlite:////data/planner.db \
    PLANNER__HTTP__HOST=0.0.0.0 \
    HF_HOME=/data/models \
    TRITON_CACHE_DIR=/data/triton \
    XDG_CACHE_HOME=/data/cache
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["planner-node"]
CMD ["serve"]
