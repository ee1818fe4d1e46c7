"""The operator console: pages that Airflow's API server serves to users who are logged in."""
