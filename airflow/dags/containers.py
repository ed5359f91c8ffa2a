"""A worker in a container of its own, beside the one that Airflow runs in."""

import os

from airflow.exceptions import AirflowException
from airflow.providers.docker.operators.docker import DockerOperator
from docker.types import Mount

# A worker gets what it finds its way by, and none of Airflow's own secrets.
FOR_WORKERS = ("AWS_", "PG", "LAKE_URL", "DATA_DIR", "DATABASE_URL")


class WorkerContainer(DockerOperator):
    """Runs `command` in the image of the workers, on the same data dir.

    The variables `WORKERS_*` say which image, which network, and which folder and volume of the host are
    the data dir and the secrets.
    """

    def __init__(self, **arguments):
        data, secrets = os.environ["DATA_DIR"], os.path.dirname(os.environ["PGPASSFILE"])
        super().__init__(
            image=os.environ["WORKERS_IMAGE"],
            docker_url="tcp://docker-proxy:2375",
            network_mode=os.environ["WORKERS_NETWORK"],
            mounts=[
                Mount(data, os.environ["WORKERS_DATA_DIR"], type="bind"),
                Mount(secrets, os.environ["WORKERS_SECRETS"], type="volume", read_only=True),
            ],
            mount_tmp_dir=False,
            # Not shown among the rendered fields.
            private_environment={k: v for k, v in os.environ.items() if k.startswith(FOR_WORKERS)},
            user="50000:0",
            mem_limit="2g",
            auto_remove="force",
            skip_on_exit_code=99,
            xcom_all=True,
            **arguments,
        )

    def execute(self, context):
        # Standard output and standard error arrive in any order: the summary is the one line in JSON.
        lines = [line for chunk in super().execute(context) or [] for line in chunk.splitlines()]
        for line in reversed(lines):
            if line.startswith("{"):
                return line
        raise AirflowException(f"{self.task_id} printed no summary")
