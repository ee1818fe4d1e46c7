"""The pipeline itself: a pure domain, one module for each stage of the loop, and no import of Airflow."""
