# Airflow with the pipeline, for docker-compose.yaml: the same locked packages as on one machine, and Celery.
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}

ENV AIRFLOW_HOME=/opt/airflow \
    PYTHONPATH=/opt/airflow \
    PYTHONUTF8=1 \
    GX_ANALYTICS_ENABLED=false \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__DEFAULT_TIMEZONE=Asia/Shanghai \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/plugins \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False

RUN useradd --uid 50000 --home-dir /opt/airflow --create-home airflow
WORKDIR /opt/airflow

COPY requirements.txt requirements-cluster.txt ./
RUN pip install --no-cache-dir -r requirements.txt -r requirements-cluster.txt

RUN mkdir -p config logs reports logins

COPY dags dags
COPY plugins plugins
COPY include include
COPY expectations expectations
# Tasks are forked from the worker, so that what they all need is loaded there once.
COPY include/local/airflow_local_settings.py config/
RUN chown -R airflow logs reports logins

USER airflow
ENTRYPOINT ["airflow"]
CMD ["version"]
