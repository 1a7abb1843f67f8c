"""Checks template.yaml without AWS: SAM's own translator turns it into CloudFormation, and moto creates resources from that. The tests
compare both with what the function and the explorer need. moto does not create everything: alarms, bucket policies, fan-out consumers,
expiry and recovery of tables, and logging are checked in the translated template.

The end-to-end tests compare the policies' actions with the calls in the code, without Python; this script checks their resources."""

import ast
import functools
import io
import json
import logging
import os
import pathlib
import re
import shlex
import unittest
import zipfile

os.environ.update(AWS_DEFAULT_REGION="eu-west-1", AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402
from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

# Otherwise moto warns each time about what it does not create.
logging.disable(logging.CRITICAL)

ROOT = pathlib.Path(__file__).parent.parent
ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
STREAM_KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b"
TABLE_KEY = "arn:aws:kms:eu-west-1:123456789012:key/2c3d"
# Has every kind of character that a stream's name may have.
STREAM = "Orders_2.eu-west"
PARTS_KEYS = [("partOf", "HASH"), ("part", "RANGE")]
NO_VALUE = {"Ref": "AWS::NoValue"}
# Characters without white space: of a role's inline policies together, and of one managed policy. Source: IAM user guide, quotas.
MAX_INLINE, MAX_MANAGED = 10_240, 6_144
# Source: CloudFormation quotas.
MAX_TEMPLATE_BYTES, MAX_DESCRIPTION = 1_000_000, 4_000


class NoManagedPolicies:
    def load(self):
        return {}


@functools.cache
def source():
    return (ROOT / "template.yaml").read_text()


def translated(parameters):
    template = yaml_parse(source())
    template["Resources"]["StreamProcessor"]["Properties"]["CodeUri"] = "s3://artifacts/archiver.zip"
    return transform(template, parameters, NoManagedPolicies())


def value_of(condition, template, values):
    """Evaluates a condition."""
    if not isinstance(condition, dict):
        return str(condition)
    [(function, given)] = condition.items()
    evaluate = functools.partial(value_of, template=template, values=values)
    match function:
        case "Ref":
            return str(values[given])
        case "Condition":
            return evaluate(template["Conditions"][given])
        case "Fn::Join":
            separator, parts = given
            parts = values[parts["Ref"]].split(",") if isinstance(parts, dict) else [evaluate(part) for part in parts]
            return separator.join(parts)
        case "Fn::Equals":
            return evaluate(given[0]) == evaluate(given[1])
        case "Fn::Not":
            return not evaluate(given[0])
        case "Fn::And":
            return all(map(evaluate, given))
        case "Fn::Or":
            return any(map(evaluate, given))
    raise AssertionError(f"{function} in a condition")


def decided(value, conditions):
    """Resolves Fn::If and AWS::NoValue, because moto leaves null in lists for AWS::NoValue."""
    if isinstance(value, dict):
        if list(value) == ["Fn::If"]:
            condition, yes, no = value["Fn::If"]
            return decided(yes if conditions[condition] else no, conditions)
        parts = ((name, decided(part, conditions)) for name, part in value.items())
        return {name: part for name, part in parts if part != NO_VALUE}
    if isinstance(value, list):
        return [part for part in (decided(part, conditions) for part in value) if part != NO_VALUE]
    return value


def settled(**parameters):
    """The translated template with these parameters; parameters that are not given have their defaults."""
    parameters.setdefault("StreamArn", ARN + STREAM)
    template = translated(parameters)
    values = {name: parameters.get(name, parameter.get("Default")) for name, parameter in template["Parameters"].items()}
    for name, parameter in template["Parameters"].items():
        if "AllowedPattern" in parameter:
            for part in str(values[name]).split(",") if parameter["Type"] == "CommaDelimitedList" else [str(values[name])]:
                assert re.search(parameter["AllowedPattern"], part), f"{name} may not be {part}"
        assert str(values[name]) in map(str, parameter.get("AllowedValues", [values[name]])), f"{name} may not be {values[name]}"
    conditions = {name: value_of(condition, template, values) for name, condition in template["Conditions"].items()}
    rules = template.pop("Rules")
    for rule in rules.values():
        if value_of(rule.get("RuleCondition", {"Fn::Equals": [0, 0]}), template, values):
            for assertion in rule["Assertions"]:
                assert value_of(assertion["Assert"], template, values), assertion["AssertDescription"]
    template = decided(template, conditions)
    for section in ("Resources", "Outputs"):
        has = lambda part: conditions.get(part.get("Condition"), True)  # noqa: E731
        template[section] = {name: part for name, part in template[section].items() if has(part)}
    return template


class Stack:
    """The resources that moto creates from the template."""

    def __init__(self, **parameters):
        parameters.setdefault("StreamArn", ARN + STREAM)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("bootstrap", "")
        s3.put_object(Bucket="artifacts", Key="archiver.zip", Body=content.getvalue())
        # moto maps only streams that exist.
        boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(
            StackName="orders-archiver",
            TemplateBody=json.dumps(settled(**parameters), default=str),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        [stack] = cloudformation.describe_stacks(StackName="orders-archiver")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        resources = cloudformation.describe_stack_resources(StackName="orders-archiver")["StackResources"]
        # Resources that moto does not create have no name here.
        self.made = {made["LogicalResourceId"]: made["PhysicalResourceId"] for made in resources if "LogicalResourceId" in made}

    def role_statements(self):
        iam, role = boto3.client("iam"), self.made["ArchiverIAMRole"]
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        # moto returns the documents of roles as Python literals.
        policies = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        documents = [ast.literal_eval(policy) if isinstance(policy, str) else policy for policy in policies]
        assert sum(map(len_without_blanks, documents)) <= MAX_INLINE
        return by_sid(documents)

    def managed_statements(self, policy):
        iam, arn = boto3.client("iam"), self.made[policy]
        document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        assert len_without_blanks(document) <= MAX_MANAGED, policy
        return by_sid([document])

    def mapping(self):
        [mapping] = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        assert mapping["UUID"] == self.made["StreamProcessorStream"]
        return mapping


def len_without_blanks(document):
    return len(re.sub(r"\s", "", json.dumps(document)))


def by_sid(documents):
    statements = {}
    for document in documents:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow" and statement["Sid"] not in statements
            resources = statement["Resource"]
            statements[statement["Sid"]] = sorted(resources) if isinstance(resources, list) else [resources]
    return statements


def alarms(**parameters):
    resources = settled(**parameters)["Resources"]
    return {name: made["Properties"] for name, made in resources.items() if made["Type"] == "AWS::CloudWatch::Alarm"}


class Names(unittest.TestCase):
    def test_a_stack_of_the_nodejs_original_is_updated_in_place(self):
        resources = translated({})["Resources"]
        types = {name: resources[name]["Type"] for name in ("StreamProcessor", "StreamProcessorStream", "ArchiverIAMRole")}
        self.assertEqual(
            types,
            {
                "StreamProcessor": "AWS::Lambda::Function",
                "StreamProcessorStream": "AWS::Lambda::EventSourceMapping",
                "ArchiverIAMRole": "AWS::IAM::Role",
            },
        )
        # A name would replace the function. Another starting position would replace the mapping, and Lambda refuses a second one.
        self.assertNotIn("FunctionName", resources["StreamProcessor"]["Properties"])
        self.assertNotIn("RoleName", resources["ArchiverIAMRole"]["Properties"])
        # The Node.js original has this path. Without it CloudFormation would replace the role.
        self.assertEqual(resources["ArchiverIAMRole"]["Properties"]["Path"], "/")
        mapping = settled()["Resources"]["StreamProcessorStream"]["Properties"]
        self.assertEqual(mapping["EventSourceArn"], {"Ref": "StreamArn"})
        self.assertNotIn("StartingPositionTimestamp", mapping)
        parameters = yaml_parse(source())["Parameters"]
        self.assertEqual(parameters["StreamPosition"]["AllowedValues"], ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])
        self.assertEqual([name for name, one in parameters.items() if "Default" not in one], ["StreamArn"])

    def test_streams_of_all_partitions_are_taken_and_nothing_else(self):
        pattern = yaml_parse(source())["Parameters"]["StreamArn"]["AllowedPattern"]
        for partition in ("aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"):
            self.assertRegex(f"arn:{partition}:kinesis:us-gov-west-1:123456789012:stream/{'a' * 128}", pattern)
        for arn in (ARN, ARN + "a" * 129, ARN + "orders/consumer/c:1", ARN + "or*ers", TABLE + "orders", "orders"):
            self.assertNotRegex(arn, pattern)

    def test_the_template_is_within_cloudformations_limits(self):
        self.assertLess(len(json.dumps(translated({}), default=str)), MAX_TEMPLATE_BYTES)
        template = yaml_parse(source())
        for name, parameter in template["Parameters"].items():
            self.assertTrue(0 < len(parameter["Description"]) <= MAX_DESCRIPTION, name)
        shown = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        self.assertEqual(sorted(name for group in shown for name in group["Parameters"]), sorted(template["Parameters"]))


class Parameters(unittest.TestCase):
    def test_a_time_goes_with_at_timestamp_and_with_nothing_else(self):
        at = settled(StreamPosition="AT_TIMESTAMP", StreamPositionTimestamp="1790000000.5")
        mapping = at["Resources"]["StreamProcessorStream"]["Properties"]
        self.assertEqual(mapping["StartingPositionTimestamp"], {"Ref": "StreamPositionTimestamp"})
        for wrong in (
            {"StreamPosition": "AT_TIMESTAMP"},
            {"StreamPosition": "LATEST", "StreamPositionTimestamp": "1790000000"},
            {"StreamPosition": "AT_TIMESTAMP", "StreamPositionTimestamp": "2026-11-20"},
        ):
            with self.assertRaises(AssertionError, msg=str(wrong)):
                settled(**wrong)

    def test_an_age_is_one_that_lambda_takes(self):
        for age in ("-1", "60", "99", "3600", "99999", "599999", "601900", "604799", "604800"):
            settled(MaximumRecordAgeInSeconds=age)
        for age in ("0", "1", "59", "604801", "604900", "700000", "1000000", "060", ""):
            with self.assertRaises(AssertionError, msg=age):
                settled(MaximumRecordAgeInSeconds=age)

    def test_every_role_takes_the_permissions_boundary(self):
        parameters = yaml_parse(source())["Parameters"]
        boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, NO_VALUE]}
        roles = {name: made for name, made in translated({})["Resources"].items() if made["Type"] == "AWS::IAM::Role"}
        self.assertIn("ArchiverIAMRole", roles)
        for name, role in roles.items():
            self.assertEqual(role["Properties"].get("PermissionsBoundary"), boundary, name)
        self.assertEqual(parameters["PermissionsBoundaryArn"]["Default"], "")
        for arn in ("arn:aws:iam::123456789012:policy/team/Bounds_of+all", "arn:aws-us-gov:iam::aws:policy/PowerUserAccess"):
            role = settled(PermissionsBoundaryArn=arn)["Resources"]["ArchiverIAMRole"]
            self.assertEqual(role["Properties"]["PermissionsBoundary"], {"Ref": "PermissionsBoundaryArn"})
        self.assertNotIn("PermissionsBoundary", settled()["Resources"]["ArchiverIAMRole"]["Properties"])
        for wrong in ("Bounds", "arn:aws:iam::123456789012:role/Bounds", "arn:aws:iam::123456789012:policy/", "arn:aws:iam::12:policy/b"):
            with self.assertRaises(AssertionError, msg=wrong):
                settled(PermissionsBoundaryArn=wrong)

    def test_fan_out_reads_through_a_consumer(self):
        resources = settled(EnhancedFanOut="true")["Resources"]
        self.assertEqual(resources["StreamProcessorStream"]["Properties"]["EventSourceArn"], {"Ref": "StreamConsumer"})
        self.assertEqual(resources["StreamConsumer"]["Properties"]["StreamARN"], {"Ref": "StreamArn"})
        [policy] = resources["ArchiverIAMRole"]["Properties"]["Policies"]
        [subscribe] = [one for one in policy["PolicyDocument"]["Statement"] if one["Sid"] == "SubscribeToStream"]
        self.assertEqual(subscribe["Resource"], {"Ref": "StreamConsumer"})
        self.assertNotIn("StreamConsumer", settled()["Resources"])

    def test_filter_and_concurrency_and_tracing_are_there_when_asked_for(self):
        plain = settled()["Resources"]
        self.assertNotIn("FilterCriteria", plain["StreamProcessorStream"]["Properties"])
        self.assertNotIn("ReservedConcurrentExecutions", plain["StreamProcessor"]["Properties"])
        pattern = '{"data":{"status":["paid"]}}'
        asked = settled(FilterPattern=pattern, ReservedConcurrency="0", Tracing="Active", Architecture="arm64")["Resources"]
        mapping, function = (asked[name]["Properties"] for name in ("StreamProcessorStream", "StreamProcessor"))
        self.assertEqual(mapping["FilterCriteria"], {"Filters": [{"Pattern": {"Ref": "FilterPattern"}}]})
        self.assertEqual(function["ReservedConcurrentExecutions"], {"Ref": "ReservedConcurrency"})
        self.assertEqual(function["TracingConfig"], {"Mode": {"Ref": "Tracing"}})
        self.assertEqual(function["Architectures"], [{"Ref": "Architecture"}])

    def test_the_log_is_json_and_keeps_the_lines_that_are_metrics(self):
        resources = settled()["Resources"]
        logging = resources["StreamProcessor"]["Properties"]["LoggingConfig"]
        self.assertEqual((logging["LogFormat"], logging["ApplicationLogLevel"]), ("JSON", "INFO"))
        self.assertEqual(logging["LogGroup"], {"Ref": "ArchiverLogs"})
        self.assertEqual(resources["ArchiverLogs"]["Properties"], {"RetentionInDays": {"Ref": "LogRetentionInDays"}})


@mock_aws
class Resources(unittest.TestCase):
    def test_the_function_may_do_what_it_must_to_its_own_stream_and_archive_alone(self):
        stack = Stack()
        bucket = f"arn:aws:s3:::{stack.made['FailedRecords']}"
        log = f"arn:aws:logs:eu-west-1:123456789012:log-group:{stack.made['ArchiverLogs']}"
        self.assertEqual(
            stack.role_statements(),
            {
                "ReadStream": [ARN + STREAM],
                "WriteArchive": [f"{TABLE}{STREAM}-archive-*"],
                "WriteLogs": [log],
                "KeepFailedRecords": [f"{bucket}/*"],
                "FindFailedRecordsBucket": [bucket],
            },
        )

    def test_every_option_adds_its_own_permission_and_no_more(self):
        more = [ARN + "audit", ARN + "a.b_c-d"]
        stack = Stack(
            AdditionalStreamArns=",".join(more),
            FailureDestination="SQS",
            StreamKeyArns=STREAM_KEY,
            TableKeyArn=TABLE_KEY,
            Tracing="Active",
        )
        statements = stack.role_statements()
        self.assertEqual(statements.pop("ReadStream"), sorted([ARN + STREAM, *more]))
        tables = sorted(f"{TABLE}{name}-archive-*" for name in (STREAM, "audit", "a.b_c-d"))
        self.assertEqual(statements.pop("WriteArchive"), tables)
        self.assertEqual(statements.pop("DecryptStream"), [STREAM_KEY])
        self.assertEqual(statements.pop("EncryptArchive"), [TABLE_KEY])
        [queue] = statements.pop("QueueFailedBatches")
        self.assertTrue(queue.startswith("arn:aws:sqs:eu-west-1:123456789012:"), queue)
        # AWS accepts only a star here.
        self.assertEqual(statements.pop("WriteTraces"), ["*"])
        self.assertEqual(list(statements), ["WriteLogs"])

    def test_readers_and_operators_of_the_explorer_have_their_own_policies(self):
        stack = Stack(AdditionalStreamArns=ARN + "audit", ReplayTargetArns=f"{ARN}replay,{ARN}test", TableKeyArn=TABLE_KEY)
        streams = sorted([ARN + STREAM, ARN + "audit"])
        tables = sorted([f"{TABLE}{STREAM}-archive-*", f"{TABLE}audit-archive-*"])
        reader = {"ListStreams": ["*"], "ReadStreams": streams, "ReadArchives": tables, "DecryptArchive": [TABLE_KEY]}
        self.assertEqual(stack.managed_statements("ExplorerReader"), reader)
        bucket = f"arn:aws:s3:::{stack.made['FailedRecords']}"
        operator = {
            "ConfigureStreams": streams,
            "ChangeArchives": tables,
            "ListFailedRecords": [bucket],
            "RecoverFailedRecords": [f"{bucket}/*"],
            "Replay": sorted([ARN + "replay", ARN + "test"]),
            "EncryptArchive": [TABLE_KEY],
        }
        self.assertEqual(stack.managed_statements("ExplorerOperator"), operator)

    def test_operators_may_take_what_a_queue_holds(self):
        stack = Stack(FailureDestination="SQS")
        [queue] = stack.managed_statements("ExplorerOperator")["TakeFailedBatches"]
        self.assertTrue(queue.endswith(stack.outputs["FailedBatchesQueueUrl"].rsplit("/", 1)[1]), queue)

    def test_the_policies_hold_twenty_further_streams(self):
        more = ",".join(f"{ARN}{'a-stream-with-a-name-of-forty-characters'}-{number:02}" for number in range(20))
        stack = Stack(AdditionalStreamArns=more, TableKeyArn=TABLE_KEY, StreamKeyArns=STREAM_KEY, ReplayTargetArns=f"{ARN}replay")
        # Stack checks the size of each policy against its limit.
        for statements in (stack.role_statements(), *map(stack.managed_statements, ("ExplorerReader", "ExplorerOperator"))):
            self.assertTrue(any(len(resources) == 21 for resources in statements.values()))

    def test_operators_may_replay_only_into_streams_that_are_named(self):
        self.assertNotIn("Replay", Stack().managed_statements("ExplorerOperator"))

    def test_the_mapping_loses_nothing_by_itself(self):
        stack = Stack()
        mapping = stack.mapping()
        for name, value in {
            "EventSourceArn": ARN + STREAM,
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 500,
            "MaximumBatchingWindowInSeconds": 5,
            "ParallelizationFactor": 1,
            "MaximumRetryAttempts": 100,
            "MaximumRecordAgeInSeconds": -1,
            "BisectBatchOnFunctionError": True,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MetricsConfig": {"Metrics": ["EventCount"]},
            "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{stack.made['FailedRecords']}"}},
        }.items():
            self.assertEqual(mapping[name], value, name)

    def test_the_function_is_what_lambda_runs(self):
        stack = Stack(MemorySize="512")
        function = boto3.client("lambda").get_function_configuration(FunctionName=stack.made["StreamProcessor"])
        self.assertRegex(function["FunctionName"], "^orders-archiver-StreamProcessor-")
        expected = ("provided.al2023", "bootstrap", 512, 60)
        self.assertEqual(tuple(function[name] for name in ("Runtime", "Handler", "MemorySize", "Timeout")), expected)

    def test_what_was_given_up_is_kept_safe(self):
        encryption = boto3.client("s3").get_bucket_encryption(Bucket=Stack().made["FailedRecords"])
        self.assertIn("ServerSideEncryptionConfiguration", encryption)
        resources = settled()["Resources"]
        properties = resources["FailedRecords"]["Properties"]
        self.assertEqual(set(properties["PublicAccessBlockConfiguration"].values()), {True})
        self.assertEqual(properties["VersioningConfiguration"], {"Status": "Enabled"})
        [rule] = properties["LifecycleConfiguration"]["Rules"]
        self.assertNotIn("ExpirationInDays", rule, "what was not recovered must not expire")
        [refusal] = resources["FailedRecordsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        self.assertEqual((refusal["Effect"], refusal["Condition"]), ("Deny", {"Bool": {"aws:SecureTransport": False}}))
        for destination, kept in (("S3", "FailedRecords"), ("SQS", "FailedBatches"), ("NONE", None)):
            made = settled(FailureDestination=destination)["Resources"]
            found = [name for name in ("FailedRecords", "FailedBatches") if name in made]
            self.assertEqual(found, [kept] if kept else [])
            on_failure = made["StreamProcessorStream"]["Properties"]["DestinationConfig"]
            self.assertEqual(on_failure, {"OnFailure": {"Destination": {"Fn::GetAtt": [kept, "Arn"]}}} if kept else {})

    def assert_tables(self, mode, logical, schema):
        stack = Stack(ArchiveTable=mode)
        dynamodb = boto3.client("dynamodb")
        tables = {f"{STREAM}-archive-{mode}": (logical, schema), f"{STREAM}-archive-parts": ("ArchivePartsTable", PARTS_KEYS)}
        self.assertEqual(sorted(dynamodb.list_tables()["TableNames"]), sorted(tables))
        self.assertEqual(stack.outputs["ArchiveTableName"], f"{STREAM}-archive-{mode}")
        resources = settled(ArchiveTable=mode, TableKeyArn=TABLE_KEY)["Resources"]
        for name, (logical, schema) in tables.items():
            table = dynamodb.describe_table(TableName=name)["Table"]
            self.assertEqual([(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]], schema)
            self.assertEqual(table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
            self.assertTrue(table["DeletionProtectionEnabled"])
            properties = resources[logical]["Properties"]
            self.assertEqual(properties["TimeToLiveSpecification"], {"AttributeName": "expireAfter", "Enabled": True})
            self.assertEqual(properties["PointInTimeRecoverySpecification"], {"PointInTimeRecoveryEnabled": True})
            self.assertEqual(properties["SSESpecification"]["KMSMasterKeyId"], {"Ref": "TableKeyArn"})

    def test_the_tables_of_mode_all_are_made(self):
        self.assert_tables("ALL", "ArchiveAllTable", [("partitionKey", "HASH"), ("sequenceNumber", "RANGE")])

    def test_the_tables_of_mode_latest_are_made(self):
        self.assert_tables("LATEST", "ArchiveLatestTable", [("partitionKey", "HASH")])

    def test_without_a_mode_no_tables_are_made(self):
        self.assertEqual([name for name in settled()["Resources"] if name.endswith("Table")], [])

    def test_what_holds_records_outlives_the_stack(self):
        resources = translated({})["Resources"]
        # A failed deployment leaves no empty bucket behind. It cannot delete protected tables.
        keeps = {
            "AWS::DynamoDB::Table": "Retain",
            "AWS::S3::Bucket": "RetainExceptOnCreate",
            "AWS::S3::BucketPolicy": "RetainExceptOnCreate",
            "AWS::SQS::Queue": "RetainExceptOnCreate",
        }
        kept = [one for one in resources.values() if one["Type"] in keeps]
        self.assertEqual(len(kept), 6)
        for resource in kept:
            self.assertEqual((resource["DeletionPolicy"], resource["UpdateReplacePolicy"]), (keeps[resource["Type"]], "Retain"))

    def test_records_are_not_delivered_before_there_is_a_table(self):
        for mode, table in (("ALL", "ArchiveAllTable"), ("LATEST", "ArchiveLatestTable")):
            function = settled(ArchiveTable=mode)["Resources"]["StreamProcessor"]
            self.assertIn({"Ref": table}, function["Properties"]["Description"]["Fn::Sub"][1].values())

    def test_outputs_name_what_the_explorer_needs(self):
        outputs = Stack(ArchiveTable="ALL").outputs
        self.assertEqual((outputs["StreamName"], outputs["ArchiveTableName"]), (STREAM, f"{STREAM}-archive-ALL"))
        for name in ("FailedRecordsBucket", "LogGroupName", "ExplorerReaderPolicyArn", "ExplorerOperatorPolicyArn"):
            self.assertTrue(outputs[name], name)


class Watching(unittest.TestCase):
    def test_alarms_watch_what_lambda_and_the_archiver_count(self):
        watched = {name: alarm.get("MetricName") for name, alarm in alarms().items()}
        self.assertEqual(
            watched,
            {
                "DelayAlarm": "IteratorAge",
                "ErrorsAlarm": "Errors",
                "ThrottlesAlarm": "Throttles",
                "FailedRecordsAlarm": "failed",
                "OversizeRecordsAlarm": "oversize",
                "GivenUpAlarm": "OnFailureDestinationDeliveredEventCount",
                "LostRecordsAlarm": "DroppedEventCount",
                "DeliveryFailuresAlarm": "DestinationDeliveryFailures",
                "StoppedAlarm": None,
            },
        )
        of_function = {"Name": "FunctionName", "Value": {"Ref": "StreamProcessor"}}
        of_mapping = {"Name": "EventSourceMappingUUID", "Value": {"Ref": "StreamProcessorStream"}}
        own = {"Name": "function", "Value": {"Ref": "StreamProcessor"}}
        dimensions = {
            "IteratorAge": of_function,
            "Errors": of_function,
            "DestinationDeliveryFailures": of_function,
            "Throttles": of_function,
            "failed": own,
            "oversize": own,
            "OnFailureDestinationDeliveredEventCount": of_mapping,
            "DroppedEventCount": of_mapping,
        }
        for name, alarm in alarms().items():
            self.assertEqual(alarm["TreatMissingData"], "notBreaching", name)
            self.assertLessEqual(len(alarm["AlarmDescription"]["Fn::Sub"]), 1024, name)
            if "MetricName" in alarm:
                self.assertEqual(alarm["Dimensions"], [dimensions[alarm["MetricName"]]], name)
                self.assertEqual(alarm["Namespace"], "KinesisStreamArchiver" if alarm["Dimensions"] == [own] else "AWS/Lambda")
        self.assertEqual(alarms()["DelayAlarm"]["Threshold"], {"Fn::Sub": "${MaximumDelayInSeconds}000"})
        self.assertEqual(set(alarms()) - set(alarms(FailureDestination="NONE")), {"GivenUpAlarm"})

    def test_the_metrics_are_those_of_the_archivers_report(self):
        report = (ROOT / "archiver/src/function/report.rs").read_text()
        metrics = set(re.findall(r'\("(\w+)", "(?:Count|Milliseconds)"\)', report))
        [alarming] = re.findall(r"ALARMING: \[&str; 2\] = \[(.*)\];", report)
        own = {alarm["MetricName"] for alarm in alarms().values() if alarm.get("Namespace") == "KinesisStreamArchiver"}
        self.assertEqual(own, set(re.findall(r"\w+", alarming)))
        body, given = settled()["Resources"]["ArchiverDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
        dashboard = json.loads(re.sub(r"\$\{[^}]+\}", "1", body))
        self.assertEqual(list(given), ["Stream"])
        shown = set()
        for widget in dashboard["widgets"]:
            namespace = None
            for metric in widget["properties"].get("metrics", []):
                namespace = namespace if metric[0] == "." else metric[0]
                if namespace == "KinesisStreamArchiver":
                    shown.add(metric[1])
        self.assertTrue(shown and shown <= metrics, shown - metrics)

    def test_alarms_reach_the_address_and_the_topic_that_are_named(self):
        topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
        for parameters, actions in (
            ({}, []),
            ({"AlarmEmail": "on-call@example.com"}, [{"Ref": "AlarmTopic"}]),
            ({"AlarmTopicArn": topic}, [{"Ref": "AlarmTopicArn"}]),
            ({"AlarmEmail": "on-call@example.com", "AlarmTopicArn": topic}, [{"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]),
        ):
            for name, alarm in alarms(**parameters).items():
                self.assertEqual(alarm["AlarmActions"], actions, name)

    def test_people_who_want_no_dashboard_or_policies_get_none(self):
        made = settled(Dashboard="false", ExplorerPolicies="false")["Resources"]
        self.assertFalse({"ArchiverDashboard", "ExplorerReader", "ExplorerOperator"} & set(made))


class Documents(unittest.TestCase):
    """The command that maps another stream to the function makes the same mapping as the template."""

    @mock_aws
    def test_a_further_stream_is_mapped_as_the_first_one_is(self):
        [command] = re.findall(r"aws lambda create-event-source-mapping (.*?[^\\])\n", (ROOT / "docs" / "deployment.md").read_text(), re.DOTALL)
        words = shlex.split(command.replace("\\\n", " "))
        given = {}
        for word in words:
            if word.startswith("--"):
                name = word
                given[name] = []
            else:
                given[name].append(word)
        stack = Stack()
        mapping = stack.mapping()
        for option, field in (
            ("--starting-position", "StartingPosition"),
            ("--batch-size", "BatchSize"),
            ("--maximum-batching-window-in-seconds", "MaximumBatchingWindowInSeconds"),
            ("--maximum-retry-attempts", "MaximumRetryAttempts"),
        ):
            self.assertEqual(given.pop(option), [str(mapping[field])], option)
        self.assertEqual(given.pop("--function-response-types"), mapping["FunctionResponseTypes"])
        self.assertEqual(given.pop("--bisect-batch-on-function-error"), [])
        self.assertEqual(json.loads(given.pop("--metrics-config")[0]), mapping["MetricsConfig"])
        destination = json.loads(given.pop("--destination-config")[0])["OnFailure"]["Destination"]
        self.assertTrue(destination.startswith("arn:aws:s3:::"), destination)
        self.assertEqual(sorted(given), ["--event-source-arn", "--function-name"])


if __name__ == "__main__":
    unittest.main()
