"""A task that runs one of the six workers: what holds for a process and for a container alike."""

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.models.taskinstance import clear_task_instances
from airflow.operators.bash import BashOperator
from airflow.utils.context import Context
from airflow.utils.session import create_session

# The workers' exit code for wrong usage: a further try would end the same way.
WRONG_USAGE = 2


class Worker:
    """Comes before the operator that runs the worker: `class WorkerProcess(Worker, BashOperator)`.

    It is not an operator itself: Airflow would give it an `__init__` that hides the one of BashOperator.
    """

    def pre_execute(self, context: Context) -> None:
        super().pre_execute(context)
        self._restart_downstream(context)
        self._refuse_unknown_parameters(context)

    def execute(self, context: Context):
        try:
            return super().execute(context)
        except AirflowException as error:
            if self.exit_code(error) == WRONG_USAGE:
                raise AirflowFailException(
                    f"{self.task_id} ended with exit code {WRONG_USAGE}, wrong usage, and is not retried: "
                    f"correct what the line '{self.task_id}: error: …' above names, then clear the task"
                ) from error
            raise

    def exit_code(self, error: AirflowException) -> int | None:
        """The exit code of the worker that failed with this error."""
        raise NotImplementedError

    def _restart_downstream(self, context: Context) -> None:
        """Clears the tasks after this one if they ran before.

        The state of a run is the state of its last task. If somebody clears only `load` and it fails, the
        success of an older `cleanup` would make the run a success.
        """
        later = self.get_flat_relative_ids(upstream=False)
        with create_session() as session:
            instances = context["dag_run"].get_task_instances(session=session)
            stale = [instance for instance in instances if instance.task_id in later and instance.state]
            if stale:
                names = ", ".join(instance.task_id for instance in stale)
                self.log.info("Tasks that ran before and come after this one run again: %s", names)
                clear_task_instances(stale, session, dag=self.dag, dag_run_state=False)

    def _refuse_unknown_parameters(self, context: Context) -> None:
        """Airflow checks the values of known parameters only: {"yaer": 2013} would run another year."""
        unknown = sorted(set(context["dag_run"].conf or {}) - set(self.dag.params))
        if unknown:
            raise AirflowFailException(
                f"the configuration of this run has the unknown parameter {', '.join(unknown)}: "
                f"trigger a new run with the known ones only ({', '.join(self.dag.params)})"
            )


class WorkerProcess(Worker, BashOperator):
    """Runs `command` as a process beside Airflow, in Airflow's environment without Airflow's own secrets."""

    def __init__(self, command: str, **arguments):
        # `exec` makes the worker the process that Airflow stops.
        super().__init__(bash_command=f"unset ${{!AIRFLOW_@}}; exec {command}", **arguments)

    def exit_code(self, error: AirflowException) -> int | None:
        process = self.subprocess_hook.sub_process
        return process and process.returncode
