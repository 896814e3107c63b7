"""PromQL: Prometheus 3 semantics over float samples, evaluated with numpy."""

from tocsin.promql._evaluate import evaluate
from tocsin.promql._nodes import Kind, Selector
from tocsin.promql._parse import Query, parse
from tocsin.promql._result import Matrix, Result, Scalar, String, Vector
from tocsin.promql._scope import Options
from tocsin.promql._series import parse_series

__all__ = [
    "Kind",
    "Matrix",
    "Options",
    "Query",
    "Result",
    "Scalar",
    "Selector",
    "String",
    "Vector",
    "evaluate",
    "parse",
    "parse_series",
]
