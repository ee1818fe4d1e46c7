"""Airflow's local settings, copied to its `config/`: rules are compiled once, in the process that all tasks are forked from."""

import sys

if sys.argv[1:2] in (["scheduler"], ["celery"]):
    # The stages are loaded with them: each task would take a second for that.
    from include import intake  # noqa: F401
    from include.gate import stage  # noqa: F401
    from include.rule_book.preload import preload

    preload()
