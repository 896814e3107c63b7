"""Metric filters and alarms as people already have them.

Read are what the AWS command line prints, Terraform plans, states and sources, CloudFormation
and CDK templates. Text in, definitions out.
"""

from tocsin.definitions._load import Definitions, load_definitions, recognise
from tocsin.definitions._write import write_definitions

__all__ = ["Definitions", "load_definitions", "recognise", "write_definitions"]
