"""The web server of Superset; where it listens is said by who starts it."""

wsgi_app = "superset.app:create_app()"
workers = 2
# A request waits for the warehouse most of the time.
worker_class = "gthread"
threads = 8
# As SUPERSET_WEBSERVER_TIMEOUT; see superset_config.py.
timeout = 300
accesslog = "-"
# In memory: a slow disk must not make a worker seem dead.
worker_tmp_dir = "/dev/shm"
