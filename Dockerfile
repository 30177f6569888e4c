# The planner node. Build argument TORCH chooses the torch wheel, as in the Makefile:
#   docker compose build                                      the CPU node
#   docker compose --profile gpu build                        the CUDA node
FROM python:3.11-slim

ARG TORCH="torch==2.13.0"
WORKDIR /app
COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir "$TORCH" && pip install --no-cache-dir -r requirements.lock
COPY messages messages
COPY planner_node planner_node
COPY config config
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && useradd --create-home --uid 10001 planner \
    && mkdir /data && chown planner /data
USER planner
ENV PLANNER__JOURNAL__URL=sqlite:////data/planner.db \
    PLANNER__HTTP__HOST=0.0.0.0 \
    HF_HOME=/data/models
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["planner-node"]
CMD ["serve"]
