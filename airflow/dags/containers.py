"""A worker in a container of its own, beside the one that Airflow runs in."""

import contextlib
import os
import re

from airflow.exceptions import AirflowException
from airflow.providers.docker.operators.docker import DockerOperator
from docker.errors import NotFound
from docker.types import Mount
from worker import Worker

# What a worker needs to find lake, data dir and warehouse; none of it is a secret of Airflow.
FOR_WORKERS = ("AWS_", "PG", "LAKE_URL", "DATA_DIR", "DATABASE_URL")


class WorkerContainer(Worker, DockerOperator):
    """Runs `command` in the image of the workers, on the same data dir.

    `WORKERS_STACK` names the Compose project, whose image, network and volume of secrets it uses, and
    `WORKERS_DATA_DIR` the folder of the host that is the data dir.
    """

    def __init__(self, **arguments):
        stack = os.environ["WORKERS_STACK"]
        data, secrets = os.environ["DATA_DIR"], os.path.dirname(os.environ["PGPASSFILE"])
        super().__init__(
            image=f"{stack}/workers",
            docker_url="tcp://docker-proxy:2375",
            network_mode=f"{stack}_back",
            mounts=[
                Mount(data, os.environ["WORKERS_DATA_DIR"], type="bind"),
                Mount(secrets, f"{stack}_secrets", type="volume", read_only=True),
            ],
            mount_tmp_dir=False,
            # Not shown among the rendered fields.
            private_environment={k: v for k, v in os.environ.items() if k.startswith(FOR_WORKERS)},
            user="50000:0",
            mem_limit="512m",
            auto_remove="force",
            skip_on_exit_code=99,
            xcom_all=True,
            **arguments,
        )
        self.stack = stack

    def exit_code(self, error: AirflowException) -> int | None:
        # The operator keeps the code nowhere else, and has removed the container.
        found = re.search(r"'StatusCode': (\d+)", str(error))
        return int(found[1]) if found else None

    def execute(self, context):
        # The same name for each try: what a try has left that could not clean up after itself goes first.
        run = re.sub(r"[^A-Za-z0-9_.-]", "_", context["run_id"])
        self.container_name = f"{self.stack}-worker-{self.task_id}-{run}"
        with contextlib.suppress(NotFound):
            self.cli.remove_container(self.container_name, force=True)
        # Standard output and standard error arrive in any order: the summary is the one line in JSON.
        lines = [line for chunk in super().execute(context) or [] for line in chunk.splitlines()]
        for line in reversed(lines):
            if line.startswith("{"):
                return line
        raise AirflowException(f"{self.task_id} printed no summary")
