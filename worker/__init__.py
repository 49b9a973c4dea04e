"""The worker: a Celery app whose tasks hold one id and call the verbs of the vault.

It runs jobs that stand in the database and sweeps every 30 seconds for those whose bell was lost. `worker.celery` is
the app that the command line starts: `celery --app=worker.celery worker --beat`.
"""
