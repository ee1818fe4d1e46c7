"""Everything between the pipeline and Airflow: timetables, assets, defaults, connections and the operator console."""
