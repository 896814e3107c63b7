"""CloudWatch metric alarms, composite alarms and metric math, evaluated without a clock."""

from tocsin.alarms._behind import alarms_behind
from tocsin.alarms._certain import certain_alarm, only_grows
from tocsin.alarms._check import check, check_all
from tocsin.alarms._composite import (
    ChildState,
    CompositeState,
    composite_order,
    evaluate_composite,
)
from tocsin.alarms._datapoint import Datapoint, merge, of_set, of_values
from tocsin.alarms._definition import (
    CompositeAlarm,
    Dimension,
    Metric,
    MetricAlarm,
    MetricQuery,
    MetricStat,
    alarm_metrics,
)
from tocsin.alarms._evaluate import (
    AlarmState,
    Assessment,
    Transition,
    assess,
    due_actions,
    evaluate,
    evaluation_end,
    evaluation_interval,
)
from tocsin.alarms._lint import lint
from tocsin.alarms._math import infer, run
from tocsin.alarms._math_functions import FUNCTIONS, Grid
from tocsin.alarms._math_parse import UNSUPPORTED, Program, compile_math
from tocsin.alarms._message import Place, sns_message, sns_subject
from tocsin.alarms._missing import Decision, decide, evaluation_range
from tocsin.alarms._outlook import Outlook, outlook_of
from tocsin.alarms._reason import Evaluated
from tocsin.alarms._rule import AlarmRule, alarm_name
from tocsin.alarms._rule_parse import compile_rule
from tocsin.alarms._run import AlarmRun, compose
from tocsin.alarms._samples import Samples, SampleTable
from tocsin.alarms._statistic import Statistic, parse_statistic
from tocsin.alarms._table import DatapointTable, History, Lookup

__all__ = [
    "FUNCTIONS",
    "UNSUPPORTED",
    "AlarmRule",
    "AlarmRun",
    "AlarmState",
    "Assessment",
    "ChildState",
    "CompositeAlarm",
    "CompositeState",
    "Datapoint",
    "DatapointTable",
    "Decision",
    "Dimension",
    "Evaluated",
    "Grid",
    "History",
    "Lookup",
    "Metric",
    "MetricAlarm",
    "MetricQuery",
    "MetricStat",
    "Outlook",
    "Place",
    "Program",
    "SampleTable",
    "Samples",
    "Statistic",
    "Transition",
    "alarm_metrics",
    "alarm_name",
    "alarms_behind",
    "assess",
    "certain_alarm",
    "check",
    "check_all",
    "compile_math",
    "compile_rule",
    "compose",
    "composite_order",
    "decide",
    "due_actions",
    "evaluate",
    "evaluate_composite",
    "evaluation_end",
    "evaluation_interval",
    "evaluation_range",
    "infer",
    "lint",
    "merge",
    "of_set",
    "of_values",
    "only_grows",
    "outlook_of",
    "parse_statistic",
    "run",
    "sns_message",
    "sns_subject",
]
