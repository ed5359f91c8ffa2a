"""The template deployed to an emulator of AWS, once for all tests."""

import warnings

import boto3
import pytest
from ground import PARAMETERS, REGION, Deployed, Written, for_the_emulator
from moto.server import ThreadedMotoServer
from test_ground import DROPPED

STACK = "flight-delays"


@pytest.fixture(scope="session")
def written() -> Written:
    return Written()


@pytest.fixture(scope="session")
def deployed(written) -> Deployed:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    login = {"region_name": REGION, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    ec2, cloudformation = (
        boto3.client(service, endpoint_url=endpoint, **login) for service in ("ec2", "cloudformation")
    )
    ec2.create_key_pair(KeyName=PARAMETERS["KeyName"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=for_the_emulator(written.template),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in PARAMETERS.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        yield Deployed(endpoint, STACK)
    server.stop()


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(
        f"Dropped by the emulator, and asserted on the template alone: {', '.join(sorted(DROPPED))}"
    )
