"""The commands of README.md that back the stack up and bring it back, as they stand there."""

import re

import stack
from stack import FOLDER, NAME, PROJECT, ROWS, compose, run, sql


def commands() -> tuple[str, str]:
    """Those for backing up and those for the way back, for this stack."""
    readme = (PROJECT / "README.md").read_text()
    part = readme[readme.index("**Backing up**") : readme.index("**Logs.**")]
    text = part.replace("flight-delays_lake", f"{NAME}_lake").replace(
        "make stack", f"make -C {PROJECT} stack"
    )
    backup, restore = re.findall(r"```sh\n(.*?)```", text, re.S)
    return backup.replace("cp .env a-safe-place/", "true "), restore


def in_a_folder_of_its_own(script: str) -> None:
    folder = FOLDER / "backup"
    folder.mkdir(exist_ok=True)
    file = str(PROJECT / "docker-compose.yaml")
    run("bash", "-euc", f"cd {folder}\n{script}", COMPOSE_FILE=file)


LIST = """
import boto3, hashlib, os
lake = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=os.environ["AWS_REGION"])
for one in lake.list_objects_v2(Bucket="flights")["Contents"]:
    body = lake.get_object(Bucket="flights", Key=one["Key"])["Body"].read()
    print(one["Key"], hashlib.md5(body).hexdigest())
"""


def objects() -> list[str]:
    """Key and checksum of each object of the lake."""
    return compose("exec", "-T", "airflow-scheduler", "python", "-c", LIST).splitlines()


def test_what_is_backed_up_comes_back_on_a_new_machine(airflow, expected):
    backup, restore = commands()
    before = airflow.runs(), objects()
    assert len(before[1]) >= len(stack.SAMPLE_YEARS)
    in_a_folder_of_its_own(backup)
    compose("--profile", "*", "down", "--volumes")
    in_a_folder_of_its_own(restore)
    again = stack.Airflow()
    assert (again.runs(), objects()) == before
    assert sql(ROWS) == expected
    year = again.trigger(2013)
    assert again.wait(year)[year] == "success"
    assert '"unchanged":1095' in again.summary(year, "load").replace(" ", "")
