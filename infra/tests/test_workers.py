"""The workers with the rights of Airflow's machine, which the emulator enforces, in a lake of their own."""

import json
import os
import subprocess

import boto3
import pytest
from botocore.exceptions import ClientError
from ground import FILE, REGION
from moto.core.authorization import enable_iam_authentication
from moto.server import ThreadedMotoServer

PROJECT = FILE.parents[1]
BUCKET = "a-lake"
YEAR = "2003"


class Lake:
    """A bucket with a year's raw file, and credentials of the role of Airflow's machine."""

    def __init__(self, endpoint: str, policy: dict):
        self.endpoint = endpoint
        self.owner = self.client("s3", aws_access_key_id="test", aws_secret_access_key="test")
        self.owner.create_bucket(Bucket=BUCKET)
        self.bronze = PROJECT / f"examples/lake/01_bronze/{YEAR}.csv.zst"
        self.owner.upload_file(str(self.bronze), BUCKET, f"01_bronze/{self.bronze.name}")
        login = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        # As the console makes a folder.
        self.owner.put_object(Bucket=BUCKET, Key=f"01_bronze/{YEAR}.csv/")
        iam, sts = self.client("iam", **login), self.client("sts", **login)
        trust = {"Version": "2012-10-17", "Statement": []}
        role = iam.create_role(RoleName="airflow", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        iam.put_role_policy(RoleName="airflow", PolicyName="lake", PolicyDocument=json.dumps(policy))
        of = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="a-machine")["Credentials"]
        self.login = {
            "aws_access_key_id": of["AccessKeyId"],
            "aws_secret_access_key": of["SecretAccessKey"],
            "aws_session_token": of["SessionToken"],
        }

    def client(self, service: str, **login: str):
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **login)

    def worker(self, name: str, data_dir) -> subprocess.CompletedProcess:
        environment = {name.upper(): value for name, value in self.login.items()}
        return subprocess.run(
            [PROJECT / "target/release" / name, "--year", YEAR],
            env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), "LAKE_URL": f"s3://{BUCKET}",
                 "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION} | environment,
            capture_output=True, text=True,
        )  # fmt: skip


def in_this_lake(written) -> dict:
    """The policy of the template, for the bucket of this test."""
    [policy] = [
        p for p in written.of_type("IAM::Role")["AirflowRole"]["Policies"] if p["PolicyName"] == "lake"
    ]
    text = json.dumps(policy["PolicyDocument"])
    lake = f"arn:aws:s3:::{BUCKET}"
    text = text.replace('{"Fn::GetAtt": ["Lake", "Arn"]}', f'"{lake}"')
    return unwrapped(json.loads(text.replace("${Lake.Arn}", lake)))


def unwrapped(what):
    """Without Fn::Sub, whose text is filled in."""
    match what:
        case {"Fn::Sub": text}:
            return text
        case dict():
            return {name: unwrapped(value) for name, value in what.items()}
        case list():
            return [unwrapped(value) for value in what]
    return what


@pytest.fixture(scope="module")
def lake(written):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    lake = Lake(endpoint, in_this_lake(written))
    # From now on it asks who may.
    with enable_iam_authentication():
        yield lake
    server.stop()


def test_the_workers_have_the_rights_that_they_need(lake, tmp_path):
    for name in ("extract", "clean", "aggregate", "detect"):
        done = lake.worker(name, tmp_path)
        assert done.returncode == 0, done.stderr
    client = lake.client("s3", **lake.login)
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert keys == [
        f"01_bronze/{YEAR}.csv.zst",
        f"01_bronze/{YEAR}.csv/",
        # One flight of the sample, 1,111 minutes early.
        f"02_silver/year/{YEAR}/{YEAR}_02_rejected.csv",
        f"02_silver/year/{YEAR}/{YEAR}_02_silver.parquet",
        f"03_gold/agg_dep_delay_by_date/year/{YEAR}/{YEAR}_03_gold.parquet",
    ]


@pytest.mark.parametrize("key", [f"01_bronze/{YEAR}.csv.zst", "01_bronze/2014.csv", "elsewhere/x"])
def test_a_write_to_bronze_or_elsewhere_is_refused(lake, key):
    client = lake.client("s3", **lake.login)
    for ask in (lambda: client.put_object(Bucket=BUCKET, Key=key, Body=b"x"),
                lambda: client.delete_object(Bucket=BUCKET, Key=key)):  # fmt: skip
        with pytest.raises(ClientError, match="AccessDenied"):
            ask()


def test_an_unknown_key_is_refused(lake, tmp_path):
    lake.login, login = lake.login | {"aws_secret_access_key": "wrong"}, lake.login
    done = lake.worker("extract", tmp_path)
    lake.login = login
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("extract: error: ")
