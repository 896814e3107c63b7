"""CloudFormation: functions, parameters, conditions, and what a template cannot tell."""

from __future__ import annotations

import json

import pytest

from tocsin.definitions import load_definitions, recognise

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Stage: {Type: String, Default: prod}
  Team: {Type: String}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
Mappings:
  Limits:
    prod: {errors: 10}
    test: {errors: 100}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !Not [!Condition IsProd]
  Either: !Or [!Condition IsTest, {Condition: IsProd}]
  Both: !And [!Condition IsTest, !Condition IsProd]
Resources:
  Group:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub "/app/${Stage}"
  Topic: {Type: AWS::SNS::Topic}
  Filter:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Group
      FilterPattern: '"Critical Error"'
      MetricTransformations:
        - MetricName: !Join [-, [Critical, !Select [1, !Ref Zones]]]
          MetricNamespace: !Sub ["${Stage}.${who}", {who: !Select [0, !Split ["/", "me/you"]]}]
          MetricValue: 1
          DefaultValue: !If [Either, 0, !Ref "AWS::NoValue"]
          Unit: !If [Both, Count, !Ref "AWS::NoValue"]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: IsProd
    Properties:
      AlarmDescription: !Sub "${Team} is called in ${AWS::Region} ${!x}"
      AlarmActions: [!Ref Topic, !GetAtt Topic.TopicArn, !If [IsTest, x, !Ref "AWS::NoValue"]]
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      MetricName: Critical-b
      Namespace: prod.me
      Period: "300"
      Statistic: Sum
      Threshold: !FindInMap [Limits, !Ref Stage, errors]
  Test:
    Type: AWS::CloudWatch::Alarm
    Condition: IsTest
  Whole:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties:
      AlarmName: whole
      AlarmRule: !Sub 'ALARM("${Alarm}") OR ALARM(${Alarm.Arn})'
"""


def load(text, parameters=None, path="t.yaml"):
    return load_definitions([(path, text.encode())], parameters)


def with_alarm(head="", **properties):
    body = {
        "AlarmName": "a", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1,
        "MetricName": "m", "Namespace": "n", "Period": 60, "Statistic": "Sum", "Threshold": 1,
    } | properties  # fmt: skip
    resource = {"Type": "AWS::CloudWatch::Alarm", "Properties": body}
    return head + "Resources: {A: " + json.dumps(resource) + "}\n"


def test_everything_a_template_can_answer():
    assert recognise("t.yaml", TEMPLATE.encode()) == "cloudformation"
    loaded = load(TEMPLATE)
    assert (loaded.errors, loaded.unresolved) == ((), ())
    [filter_] = loaded.filters
    assert (filter_.name, filter_.log_group) == ("Filter", "/app/prod")
    made = filter_.transformation
    assert (made.metric, made.namespace, made.value) == ("Critical-b", "prod.me", "1")
    assert (made.default, made.unit) == (0.0, "None")
    alarm, whole = loaded.alarms
    assert (alarm.alarm_name, alarm.threshold, alarm.period) == ("Alarm", 10.0, 300)
    assert alarm.alarm_actions == ("${Topic}", "${Topic.TopicArn}")
    assert alarm.alarm_description == "${Team} is called in ${AWS::Region} ${x}"
    assert whole.alarm_rule == 'ALARM("Alarm") OR ALARM(arn:aws:cloudwatch:::alarm:Alarm)'
    [left_out] = loaded.warnings
    assert "alarm 'Test' is left out: condition IsTest does not hold" in left_out.what


def test_given_parameters_win_and_decide_conditions():
    loaded = load(
        TEMPLATE, {"Stage": "test", "Team": "Kim", "AWS::Region": "eu-west-1", "Zones": "x,y,z"}
    )
    assert loaded.filters[0].log_group == "/app/test"
    assert loaded.filters[0].transformation.metric == "Critical-y"
    # The alarm of production is not there, and the composite alarm over it neither.
    assert loaded.alarms == ()
    assert "no alarm 'Alarm' here" in loaded.unresolved[0].what
    assert "alarm 'Test': ComparisonOperator is missing" in loaded.errors[0].what


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"Ref": "P"}, "parameter P has no default"),
        ({"Ref": "S"}, "parameter S is kept in Parameter Store"),
        ({"Ref": "AWS::StackName"}, "AWS::StackName is not given"),
        ({"Fn::Sub": "x-${P}"}, "parameter P has no default"),
        ({"Fn::Join": ["", ["a", {"Fn::ImportValue": "b"}]]}, "Fn::ImportValue is not evaluated"),
        ({"Fn::GetAtt": ["T", "TopicName"]}, "T.TopicName is known only after deployment"),
        ("{{resolve:ssm:name}}", "a dynamic reference"),
        ({"Fn::If": ["C", "a", "b"]}, "parameter P has no default"),
        ({"Fn::Split": [",", {"Ref": "P"}]}, "parameter P has no default"),
        ({"Fn::Select": [0, {"Ref": "P"}]}, "parameter P has no default"),
        ({"Fn::FindInMap": ["M", {"Ref": "P"}, "x"]}, "parameter P has no default"),
    ],
)
def test_what_a_template_does_not_tell_is_listed(value, reason):
    head = (
        "Parameters: {P: {Type: String}, S: {Type: 'AWS::SSM::Parameter::Value<String>', "
        "Default: x}}\nMappings: {M: {a: {x: y}}}\n"
        "Conditions: {C: {'Fn::Equals': [{Ref: P}, a]}}\n"
    )
    text = with_alarm(head, MetricName=value).replace(
        "Resources: {", "Resources: {T: {Type: 'AWS::SNS::Topic'}, "
    )
    loaded = load(text)
    assert (loaded.alarms, loaded.errors) == ((), ())
    [problem] = loaded.unresolved
    assert reason in problem.what
    assert problem.span.line == 4 if "C:" in head else True
    assert problem.hint


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"Ref": "Nobody"}, "nothing is called 'Nobody'"),
        ({"Ref": ["x"]}, "Ref takes a name"),
        ({"Fn::GetAtt": "Nobody.Arn"}, "no resource is called 'Nobody'"),
        ({"Fn::GetAtt": "Nobody"}, "takes a resource and an attribute"),
        ({"Fn::Sub": [4]}, "Fn::Sub takes"),
        ({"Fn::Sub": ["${x}", {"x": ["y"]}]}, "Fn::Sub takes texts only"),
        ({"Fn::Join": [",", "a"]}, "Fn::Join takes"),
        ({"Fn::Join": "a"}, "Fn::Join takes"),
        ({"Fn::Split": ["", "a"]}, "Fn::Split takes"),
        ({"Fn::Split": [",", ["a"]]}, "Fn::Split takes"),
        ({"Fn::Select": [7, ["a"]]}, "no entry 7 in 1"),
        ({"Fn::Select": ["x", ["a"]]}, "Fn::Select takes"),
        ({"Fn::Select": "x"}, "Fn::Select takes"),
        ({"Fn::FindInMap": ["M", "a", "z"]}, "no key 'z'"),
        ({"Fn::FindInMap": ["M"]}, "takes a map and two keys"),
        ({"Fn::If": ["Nope", "a", "b"]}, "no condition is called 'Nope'"),
        ({"Fn::If": ["C"]}, "takes a condition and two values"),
        ({"Fn::If": ["C", "a", "b"]}, "condition C refers to itself"),
        ({"Fn::If": ["D", "a", "b"]}, "not a condition"),
        ({"Ref": "A"}, "A refers to itself in a circle"),
    ],
)
def test_mistakes_of_a_template_are_errors_with_place(value, reason):
    head = "Mappings: {M: {a: {x: y}}}\nConditions: {C: {Condition: C}, D: {x: y}}\n"
    text = with_alarm(head, MetricName=value) if value != {"Ref": "A"} else with_alarm(
        head, AlarmName=value
    )  # fmt: skip
    loaded = load(text)
    assert (loaded.alarms, loaded.unresolved) == ((), ())
    assert any(reason in problem.what for problem in loaded.errors)
    assert loaded.errors[0].span.line == 3


def test_find_in_map_with_a_default():
    value = {"Fn::FindInMap": ["M", "b", "x", {"DefaultValue": "other"}]}
    [alarm] = load(with_alarm("Mappings: {M: {a: {x: y}}}\n", MetricName=value)).alarms
    assert alarm.metric_name == "other"


def test_names_of_other_resources_if_they_have_one():
    text = with_alarm(
        Dimensions=[{"Name": "FunctionName", "Value": {"Ref": "F"}}], MetricName={"Ref": "G"}
    ).replace("Resources: {", "Resources: {F: {Type: 'AWS::Lambda::Function', Properties: "
              "{FunctionName: login}}, G: {Type: 'AWS::Lambda::Function'}, ")  # fmt: skip
    [problem] = load(text).unresolved
    assert problem.what.endswith("is unresolved: MetricName: G is known only after deployment")
    [made] = load(text.replace('{"Ref": "G"}', '"m"')).alarms
    assert made.dimensions[0].value == "login"


def test_names_of_functions_that_sam_makes():
    text = with_alarm(MetricName={"Fn::Sub": "errors-${F}"}).replace(
        "Resources: {",
        "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {FunctionName: login}}, ",
    )
    assert load(text).alarms[0].metric_name == "errors-login"


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")],
)
def test_the_partition_is_that_of_the_region(region, partition):
    text = with_alarm(MetricName={"Ref": "AWS::Partition"})
    file = [("t.yaml", text.encode())]
    [alarm] = load_definitions(file, parameters={"AWS::Region": region}).alarms
    assert alarm.metric_name == partition


def test_an_open_condition_between_two_equal_values():
    top = "Conditions: {C: !Equals [!Ref 'AWS::Region', eu-west-1]}\n"
    [alarm] = load(with_alarm(top, MetricName={"Fn::If": ["C", "m", "m"]})).alarms
    assert alarm.metric_name == "m"
    other = load(with_alarm(top, MetricName={"Fn::If": ["C", "m", "n"]}))
    assert "AWS::Region is not given" in other.unresolved[0].what
    wrong = load(with_alarm(top, MetricName={"Fn::If": ["D", "m", "m"]}))
    assert any("no condition is called 'D'" in each.what for each in wrong.errors)


def test_json_has_pointers_for_places():
    template = {"Resources": {"A/b": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
        "Threshold": "many"}}}}  # fmt: skip
    loaded = load(json.dumps(template), path="t.json")
    assert "t.json#/Resources/A~1b/Properties/Threshold" in {str(e.span) for e in loaded.errors}
    assert any("Threshold must be a number, not 'many'" in e.what for e in loaded.errors)


def test_loops_macros_and_nested_stacks_are_told():
    text = """\
Transform: [AWS::LanguageExtensions, Mine]
Resources:
  Fn::ForEach::Alarms: [Name, [a, b], {"Alarm${Name}": {Type: AWS::CloudWatch::Alarm}}]
  Fn::ForEach::Topics: [Name, [a, b], {"Topic${Name}": {Type: AWS::SNS::Topic}}]
  Child: {Type: AWS::CloudFormation::Stack}
"""
    loaded = load(text)
    [problem] = loaded.unresolved
    assert str(problem.span) == "t.yaml:3:24"
    assert "Fn::ForEach::Alarms is not expanded" in problem.what
    assert [warning.what for warning in loaded.warnings] == [
        "macro 'Mine' may change what the template holds", "nested stack 'Child' is not followed",
    ]  # fmt: skip


def test_unknown_properties_are_told():
    [warning] = load(with_alarm(Treshold=3)).warnings
    assert "property 'Treshold' is not known" in warning.what


def test_whether_an_alarm_exists_may_be_unknown():
    head = "Parameters: {P: {Type: String}}\nConditions: {C: {'Fn::Equals': [{Ref: P}, a]}}\n"
    text = with_alarm(head).replace('"Type"', 'Condition: C, "Type"')
    [problem] = load(text).unresolved
    assert "whether it exists, condition C: parameter P has no default" in problem.what


@pytest.mark.parametrize(("written", "holds"), [("True", 1), ("'True'", 0), ("false", 0)])
def test_booleans_of_yaml_are_the_texts_that_cloudformation_makes_of_them(written, holds):
    text = TEMPLATE.replace("Default: prod", f"Default: {written}")
    text = text.replace("[!Ref Stage, prod]", "[!Ref Stage, 'true']")
    assert len([each for each in load(text).alarms if each.alarm_name == "Alarm"]) == 0
    text = text.replace("!FindInMap [Limits, !Ref Stage, errors]", "1")
    assert len([each for each in load(text).alarms if each.alarm_name == "Alarm"]) == holds


@pytest.mark.parametrize(("written", "enabled"), [("yes", True), ("off", False), ("TRUE", True)])
def test_switches_as_yaml_writes_them(written, enabled):
    text = TEMPLATE.replace(
        "EvaluationPeriods: 1", f"EvaluationPeriods: 1\n      ActionsEnabled: {written}"
    )
    [alarm] = [each for each in load(text).alarms if each.alarm_name == "Alarm"]
    assert alarm.actions_enabled is enabled


def test_a_metric_of_the_own_account_needs_no_account():
    def load_for(account):
        query = {
            "Id": "m", "AccountId": account, "ReturnData": True,
            "MetricStat": {"Metric": {"MetricName": "M", "Namespace": "N"}, "Period": 60, "Stat": "Sum"},
        }  # fmt: skip
        properties = {
            "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1,
            "Metrics": [query],
        }  # fmt: skip
        resources = {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}
        return load(json.dumps({"Resources": resources}), path="t.json")

    [alarm] = load_for({"Ref": "AWS::AccountId"}).alarms
    assert alarm.metrics[0].account_id is None
    [alarm] = load_for("123456789012").alarms
    assert alarm.metrics[0].account_id == "123456789012"
