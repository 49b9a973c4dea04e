"""The worker as it is, asked for a sweep every second. Arguments: the command's own; settings from the environment."""

import sys

from worker.celery import app

app.conf.beat_schedule["sweep"]["schedule"] = 1.0

if __name__ == "__main__":
    app.worker_main(sys.argv[1:])
