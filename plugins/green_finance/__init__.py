"""What ties the pipeline to Airflow: timetables, assets, defaults, connections and the operator console."""
