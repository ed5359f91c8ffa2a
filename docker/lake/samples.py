"""Puts the sample years into bronze of the stack's own lake where they are missing."""

import os
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

bucket, _, prefix = os.environ["LAKE_URL"].removeprefix("s3://").partition("/")
lake = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=os.environ["AWS_REGION"])


def is_there(question, **what) -> bool:
    try:
        question(Bucket=bucket, **what)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return False
    return True


if not is_there(lake.head_bucket):
    lake.create_bucket(Bucket=bucket)
for file in sorted(Path("/samples").iterdir()):
    key = f"{prefix}/01_bronze/{file.name}".lstrip("/")
    if is_there(lake.head_object, Key=key):
        print(f"{key} is there")
    else:
        lake.upload_file(str(file), bucket, key)
        print(f"{key} is new")
