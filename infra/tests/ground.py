"""The ground in two views of the same shape: as the template says, and as the emulator has deployed it.

Resources go by their logical ids in the template. A method gives None where a view has nothing of the kind.
"""

import ast
import base64
import json
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from cfnlint.decode import cfn_yaml

FILE = Path(__file__).resolve().parents[1] / "stack.yaml"
REGION = "us-east-1"
PARAMETERS = {
    "KeyName": "a-key",
    "SshSource": "203.0.113.0/24",
    "AirflowHost": "airflow.example.com",
    "SupersetHost": "superset.example.com",
    "Repository": "https://example.com/flight-delays.git",
    "Revision": "v1",
    "UbuntuAmi": "ami-03cf127a",
}


def read() -> dict:
    """The template, its short forms (!Ref and the like) written out."""
    return json.loads(json.dumps(cfn_yaml.load(str(FILE))))


class Written:
    """As the template says."""

    def __init__(self):
        self.template = read()
        self.resources = self.template["Resources"]

    def of_type(self, kind: str) -> dict[str, dict]:
        found = {name: r["Properties"] for name, r in self.resources.items() if r["Type"] == f"AWS::{kind}"}
        assert found, kind
        return found

    def value(self, what):
        """A property: a resource as its logical id, a parameter as its value."""
        match what:
            case {"Ref": name}:
                return (
                    PARAMETERS.get(name) or self.template["Parameters"].get(name, {}).get("Default") or name
                )
            case {"Fn::GetAtt": [name, *_]}:
                return name
            case {"Fn::Select": [index, {"Fn::GetAZs": ""}]}:
                return index
        return what

    def names(self, kind: str) -> dict[str, str]:
        tags = {name: p.get("Tags", []) for name, p in self.of_type(kind).items()}
        return {name: tag["Value"] for name, ts in tags.items() for tag in ts if tag["Key"] == "Name"}

    def vpc(self):
        [p] = self.of_type("EC2::VPC").values()
        return p["CidrBlock"], p["EnableDnsSupport"]

    def host_names(self):
        [p] = self.of_type("EC2::VPC").values()
        return p["EnableDnsHostnames"]

    def gateway(self):
        [p] = self.of_type("EC2::VPCGatewayAttachment").values()
        return self.value(p["InternetGatewayId"]), self.value(p["VpcId"])

    def subnets(self):
        return {
            name: (p["CidrBlock"], self.value(p["AvailabilityZone"]))
            for name, p in self.of_type("EC2::Subnet").items()
        }

    def ways_out(self):
        tables = {name: set() for name in self.of_type("EC2::RouteTable")}
        for p in self.of_type("EC2::Route").values():
            target = p.get("GatewayId") or p.get("NatGatewayId")
            tables[self.value(p["RouteTableId"])].add((p["DestinationCidrBlock"], self.value(target)))
        return tables

    def tables_of_subnets(self):
        associations = self.of_type("EC2::SubnetRouteTableAssociation").values()
        return {self.value(p["SubnetId"]): self.value(p["RouteTableId"]) for p in associations}

    def nat(self):
        [p] = self.of_type("EC2::NatGateway").values()
        return self.value(p["SubnetId"]), self.value(p["AllocationId"])

    def endpoints(self):
        return {
            name: (p["VpcEndpointType"], p["ServiceName"]["Fn::Sub"].replace("${AWS::Region}", REGION),
                   [self.value(t) for t in p["RouteTableIds"]])
            for name, p in self.of_type("EC2::VPCEndpoint").items()
        }  # fmt: skip

    def addresses(self):
        return {
            name: self.value(p.get("InstanceId"))
            for name, p in self.of_type("EC2::EIP").items()
            if p["Domain"] == "vpc"
        }

    def rules(self, direction: str = "SecurityGroupIngress"):
        return {
            name: {
                (r["IpProtocol"], r.get("FromPort"), r.get("ToPort"),
                 self.value(r.get("CidrIp") or r.get("SourceSecurityGroupId")))
                for r in p[direction]
            }
            for name, p in self.of_type("EC2::SecurityGroup").items()
        }  # fmt: skip

    def rules_outwards(self):
        return self.rules("SecurityGroupEgress")

    def group_names(self):
        return {name: p["GroupName"] for name, p in self.of_type("EC2::SecurityGroup").items()}

    def machines(self):
        return {
            name: (p["InstanceType"], self.value(p["SubnetId"]))
            for name, p in self.of_type("EC2::Instance").items()
        }

    def groups_of_machines(self):
        return {
            name: [self.value(g) for g in p["SecurityGroupIds"]]
            for name, p in self.of_type("EC2::Instance").items()
        }

    def profiles(self):
        machines = self.of_type("EC2::Instance").items()
        return {name: self.value(p.get("IamInstanceProfile")) for name, p in machines}

    def disks(self):
        return {
            name: [(d["Ebs"]["VolumeSize"], d["Ebs"]["VolumeType"], d["Ebs"]["Encrypted"])
                   for d in p["BlockDeviceMappings"]]
            for name, p in self.of_type("EC2::Instance").items()
        }  # fmt: skip

    def metadata_service(self):
        templates = self.of_type("EC2::LaunchTemplate")
        found = {}
        for name, p in self.of_type("EC2::Instance").items():
            launch = templates[self.value(p["LaunchTemplate"]["LaunchTemplateId"])]["LaunchTemplateData"]
            found[name] = tuple(launch["MetadataOptions"].values())
        return found

    def images(self):
        return {name: self.value(p["ImageId"]) for name, p in self.of_type("EC2::Instance").items()}

    def private_names(self):
        [zone] = self.of_type("Route53::HostedZone").values()
        assert self.value(zone["VPCs"][0]["VPCId"]) == "Vpc"
        return {
            p["Name"]: [self.value(r) for r in p["ResourceRecords"]]
            for p in self.of_type("Route53::RecordSet").values()
            if p["Name"].endswith(zone["Name"])
        }

    def warehouse(self):
        [p] = self.of_type("RDS::DBInstance").values()
        return {
            "name": p["DBInstanceIdentifier"],
            "class": p["DBInstanceClass"],
            "engine": (p["Engine"], p["EngineVersion"]),
            "database": p["DBName"],
            "disk": (int(p["AllocatedStorage"]), p["StorageType"], p["StorageEncrypted"]),
            "public": p["PubliclyAccessible"],
            "days of backups": p["BackupRetentionPeriod"],
        }

    def protected(self):
        [p] = self.of_type("RDS::DBInstance").values()
        return self.value(p["DeletionProtection"]) == "true"

    def subnets_of_the_warehouse(self):
        [p] = self.of_type("RDS::DBSubnetGroup").values()
        return p["DBSubnetGroupName"], {self.value(s) for s in p["SubnetIds"]}

    def groups_of_the_warehouse(self):
        [p] = self.of_type("RDS::DBInstance").values()
        return [self.value(g) for g in p["VPCSecurityGroups"]]

    def warehouse_without_tls(self):
        [p] = self.of_type("RDS::DBParameterGroup").values()
        assert self.value(self.of_type("RDS::DBInstance")["Warehouse"]["DBParameterGroupName"])
        return p["Parameters"]["rds.force_ssl"] != "1"

    def secret(self):
        [p] = self.of_type("SecretsManager::Secret").values()
        made = p["GenerateSecretString"]
        login = self.of_type("RDS::DBInstance")["Warehouse"]
        where = "{{resolve:secretsmanager:${WarehousePassword}:SecretString:%s}}"
        assert login["MasterUserPassword"]["Fn::Sub"] == where % "password"
        assert login["MasterUsername"]["Fn::Sub"] == where % "username"
        return made["GenerateStringKey"], made["PasswordLength"]

    def bucket(self):
        [p] = self.of_type("S3::Bucket").values()
        return p

    def encryption(self):
        [rule] = self.bucket()["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        return rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]

    def versioning(self):
        return self.bucket()["VersioningConfiguration"]["Status"]

    def public_access(self):
        return set(self.bucket()["PublicAccessBlockConfiguration"].values())

    def lifecycle(self):
        rules = self.bucket()["LifecycleConfiguration"]["Rules"]
        return {
            rule["Id"]: rule.get("NoncurrentVersionExpiration") or rule["AbortIncompleteMultipartUpload"]
            for rule in rules
            if rule["Status"] == "Enabled"
        }

    def tls_only(self):
        [p] = self.of_type("S3::BucketPolicy").values()
        [rule] = p["PolicyDocument"]["Statement"]
        assert self.value(p["Bucket"]) == "Lake"
        return rule["Effect"], rule["Principal"], rule["Action"], rule["Condition"]

    def policies(self):
        """What each role may do in the lake: sets of (action, on which)."""
        return {name: in_the_lake(of) for name, of in self._policies().items()}

    def rights_elsewhere(self):
        return {name: of - in_the_lake(of) for name, of in self._policies().items()}

    def _policies(self) -> dict[str, set]:
        found = {}
        for name, p in self.of_type("IAM::Role").items():
            [trust] = p["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
            statements = [s for policy in p["Policies"] for s in policy["PolicyDocument"]["Statement"]]
            found[name] = allowed(statements, self._place)
        return found

    def _place(self, resource) -> str:
        return (
            resource["Fn::Sub"].replace("${Lake.Arn}", "Lake")
            if "Fn::Sub" in resource
            else self.value(resource)
        )

    def user_data(self):
        """The scripts, without the values that only a deployment has."""
        scripts = {}
        for name, p in self.of_type("EC2::Instance").items():
            text = p["UserData"]["Fn::Base64"]["Fn::Sub"]
            scripts[name] = text if isinstance(text, str) else text[0]
        return scripts


def allowed(statements: list[dict], place) -> set[tuple[str, str]]:
    """Each action with each place, of statements that allow."""

    def many(one_or_more):
        return one_or_more if isinstance(one_or_more, list) else [one_or_more]

    assert {s["Effect"] for s in statements} == {"Allow"}
    # The emulator has no place where it does not know the resource.
    return {(a, place(r)) for s in statements for a in many(s["Action"]) for r in many(s.get("Resource", []))}


def in_the_lake(rights: set) -> set:
    return {(action, place) for action, place in rights if action.startswith("s3:")}


class Deployed:
    """As the emulator has deployed it."""

    def __init__(self, endpoint: str, stack: str):
        self.endpoint = endpoint
        self.cloudformation = self.client("cloudformation")
        self.ec2, self.s3, self.iam = self.client("ec2"), self.client("s3"), self.client("iam")
        [self.stack] = self.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        resources = self.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        self.resources = [r for r in resources if r.get("PhysicalResourceId")]
        self.logical = {r["PhysicalResourceId"]: r["LogicalResourceId"] for r in self.resources}
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in self.stack["Outputs"]}
        self.vpc_id = self.physical("Vpc")
        self.here = [{"Name": "vpc-id", "Values": [self.vpc_id]}]
        for group in self.ec2.describe_security_groups(Filters=self.here)["SecurityGroups"]:
            self.logical[group["GroupId"]] = self.logical.get(group["GroupId"], group["GroupName"])
        for address in self.ec2.describe_addresses()["Addresses"]:
            self.logical[address["AllocationId"]] = self.logical[address["PublicIp"]]

    def client(self, service: str, **login: str):
        login = login or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **login)

    def physical(self, logical: str) -> str:
        """The id that it got."""
        # Before the associations, which share their table's id.
        return next(r["PhysicalResourceId"] for r in self.resources if r["LogicalResourceId"] == logical)

    def ids(self, kind: str) -> dict[str, str]:
        """Physical to logical ids of a kind."""
        kind = f"AWS::{kind}"
        return {
            r["PhysicalResourceId"]: r["LogicalResourceId"]
            for r in self.resources
            if r["ResourceType"] == kind
        }

    def names(self, kind: str):
        ids = list(self.ids(kind))
        if kind == "EC2::EIP":
            tagged = {a["PublicIp"]: a["Tags"] for a in self.ec2.describe_addresses()["Addresses"]}
        else:
            tagged = {
                id: self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]
                for id in ids
            }
        named = self.ids(kind)
        return {named[id]: t["Value"] for id in ids for t in tagged[id] if t["Key"] == "Name"}

    def vpc(self):
        [vpc] = self.ec2.describe_vpcs(VpcIds=[self.vpc_id])["Vpcs"]
        return vpc["CidrBlock"], self._of_the_vpc("enableDnsSupport")["EnableDnsSupport"]["Value"]

    def _of_the_vpc(self, attribute: str) -> dict:
        return self.ec2.describe_vpc_attribute(VpcId=self.vpc_id, Attribute=attribute)

    def host_names(self):
        return self._of_the_vpc("enableDnsHostnames")["EnableDnsHostnames"]["Value"]

    def gateway(self):
        [gateway] = self.ec2.describe_internet_gateways(
            InternetGatewayIds=list(self.ids("EC2::InternetGateway"))
        )["InternetGateways"]
        [attached] = gateway["Attachments"]
        return self.logical[gateway["InternetGatewayId"]], "Vpc" if attached["VpcId"] == self.vpc_id else None

    def subnets(self):
        zones = sorted(z["ZoneName"] for z in self.ec2.describe_availability_zones()["AvailabilityZones"])
        subnets = self.ec2.describe_subnets(Filters=self.here)["Subnets"]
        return {
            self.logical[s["SubnetId"]]: (s["CidrBlock"], zones.index(s["AvailabilityZone"])) for s in subnets
        }

    def _tables(self) -> dict[str, dict]:
        tables = self.ec2.describe_route_tables(Filters=self.here)["RouteTables"]
        named = self.ids("EC2::RouteTable")
        return {named[t["RouteTableId"]]: t for t in tables if t["RouteTableId"] in named}

    def ways_out(self):
        return {
            name: {
                (r["DestinationCidrBlock"], self.logical[r.get("NatGatewayId") or r["GatewayId"]])
                for r in table["Routes"]
                if r.get("DestinationCidrBlock") and r.get("GatewayId") != "local"
            }
            for name, table in self._tables().items()
        }

    def tables_of_subnets(self):
        return {
            self.logical[a["SubnetId"]]: name for name, t in self._tables().items() for a in t["Associations"]
        }

    def nat(self):
        [nat] = self.ec2.describe_nat_gateways(NatGatewayIds=[self.physical("Nat")])["NatGateways"]
        [address] = nat["NatGatewayAddresses"]
        return self.logical[nat["SubnetId"]], self.logical[address["AllocationId"]]

    def endpoints(self):
        named = self.ids("EC2::RouteTable")
        return {
            self.logical[e["VpcEndpointId"]]: (
                e["VpcEndpointType"], e["ServiceName"], [named[t] for t in e["RouteTableIds"]])
            for e in self.ec2.describe_vpc_endpoints(Filters=self.here)["VpcEndpoints"]
        }  # fmt: skip

    def addresses(self):
        return {
            self.logical[a["PublicIp"]]: self.logical.get(a.get("InstanceId"))
            for a in self.ec2.describe_addresses()["Addresses"]
            if a["Domain"] == "vpc"
        }

    def _groups(self) -> dict[str, dict]:
        groups = self.ec2.describe_security_groups(Filters=self.here)["SecurityGroups"]
        return {self.logical[g["GroupId"]]: g for g in groups if g["GroupName"] != "default"}

    def rules(self, direction: str = "IpPermissions"):
        return {
            name: {
                (p["IpProtocol"], p.get("FromPort"), p.get("ToPort"), peer)
                for p in group[direction]
                for peer in [r["CidrIp"] for r in p["IpRanges"]]
                + [self.logical[g["GroupId"]] for g in p["UserIdGroupPairs"]]
            }
            for name, group in self._groups().items()
        }

    def rules_outwards(self):
        return self.rules("IpPermissionsEgress")

    def group_names(self):
        return {name: group["GroupName"] for name, group in self._groups().items()}

    def _machines(self) -> dict[str, dict]:
        found = self.ec2.describe_instances(Filters=self.here)["Reservations"]
        return {self.logical[i["InstanceId"]]: i for r in found for i in r["Instances"]}

    def machines(self):
        return {
            name: (m["InstanceType"], self.logical[m["SubnetId"]]) for name, m in self._machines().items()
        }

    def groups_of_machines(self):
        return {
            name: [self.logical[g["GroupId"]] for g in m["SecurityGroups"]]
            for name, m in self._machines().items()
        }

    def profiles(self):
        arns = {
            n: m.get("IamInstanceProfile", {}).get("Arn", "/").rsplit("/", 1)[1]
            for n, m in self._machines().items()
        }
        return {name: self.logical.get(profile) for name, profile in arns.items()}

    def disks(self):
        found = {}
        for name, machine in self._machines().items():
            ids = [d["Ebs"]["VolumeId"] for d in machine["BlockDeviceMappings"]]
            volumes = self.ec2.describe_volumes(VolumeIds=ids)["Volumes"]
            found[name] = [(v["Size"], v["VolumeType"], v["Encrypted"]) for v in volumes]
        return found

    def metadata_service(self):
        options = {name: m["MetadataOptions"] for name, m in self._machines().items()}
        return {name: (o["HttpTokens"], o["HttpPutResponseHopLimit"]) for name, o in options.items()}

    def images(self):
        return {name: m["ImageId"] for name, m in self._machines().items()}

    def private_names(self):
        route53 = self.client("route53")
        [zone] = route53.list_hosted_zones()["HostedZones"]
        at = {m["PrivateIpAddress"]: name for name, m in self._machines().items()}
        records = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        return {
            r["Name"].rstrip("."): [at[one["Value"]] for one in r["ResourceRecords"]]
            for r in records
            if r["Type"] == "A"
        }

    def _warehouse(self) -> dict:
        [instance] = self.client("rds").describe_db_instances()["DBInstances"]
        return instance

    def warehouse(self):
        w = self._warehouse()
        return {
            "name": w["DBInstanceIdentifier"],
            "class": w["DBInstanceClass"],
            "engine": (w["Engine"], w["EngineVersion"]),
            "database": w["DBName"],
            "disk": (w["AllocatedStorage"], w["StorageType"], w["StorageEncrypted"]),
            "public": w["PubliclyAccessible"],
            "days of backups": w["BackupRetentionPeriod"],
        }

    def protected(self):
        return self._warehouse()["DeletionProtection"]

    def subnets_of_the_warehouse(self):
        group = self._warehouse()["DBSubnetGroup"]
        return group["DBSubnetGroupName"], {self.logical[s["SubnetIdentifier"]] for s in group["Subnets"]}

    def groups_of_the_warehouse(self):
        return [self.logical.get(g["VpcSecurityGroupId"]) for g in self._warehouse()["VpcSecurityGroups"]]

    def warehouse_without_tls(self):
        return None

    def secret(self):
        return None

    def _of_the_bucket(self, question: str) -> dict:
        try:
            return getattr(self.s3, question)(Bucket=self.physical("Lake"))
        except ClientError:
            return {}

    def encryption(self):
        [rule] = self._of_the_bucket("get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"]
        return rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]

    def versioning(self):
        return self._of_the_bucket("get_bucket_versioning").get("Status")

    def public_access(self):
        answer = self._of_the_bucket("get_public_access_block")
        return set(answer.get("PublicAccessBlockConfiguration", {}).values())

    def lifecycle(self):
        rules = self._of_the_bucket("get_bucket_lifecycle_configuration").get("Rules", [])
        return {rule["ID"]: rule for rule in rules}

    def tls_only(self):
        return self._of_the_bucket("get_bucket_policy").get("Policy")

    def policies(self):
        lake = f"arn:aws:s3:::{self.physical('Lake')}"

        def place(resource: str) -> str:
            return self.logical.get(resource, resource.replace(lake, "Lake"))

        found = {}
        for role, name in self.ids("IAM::Role").items():
            policies = self.iam.list_role_policies(RoleName=role)["PolicyNames"]
            documents = [
                self.iam.get_role_policy(RoleName=role, PolicyName=p)["PolicyDocument"] for p in policies
            ]
            # The emulator hands them out as text of Python.
            documents = [ast.literal_eval(d) for d in documents]
            found[name] = in_the_lake(allowed([s for d in documents for s in d["Statement"]], place))
        return found

    def rights_elsewhere(self):
        return None

    def user_data(self):
        scripts = {}
        for name, machine in self._machines().items():
            of = {"InstanceId": machine["InstanceId"], "Attribute": "userData"}
            text = self.ec2.describe_instance_attribute(**of)["UserData"]["Value"]
            scripts[name] = base64.b64decode(text).decode()
        return scripts


def for_the_emulator(template: dict) -> str:
    """The template without what moto 5.2 fails at: the parameters of the warehouse."""
    template = json.loads(json.dumps(template))
    del template["Resources"]["Warehouse"]["Properties"]["DBParameterGroupName"]
    return json.dumps(template)
