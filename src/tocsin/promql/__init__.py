"""PromQL: Prometheus 3 semantics over float samples, evaluated with numpy."""

from tocsin.promql._result import Matrix, Result, Scalar, String, Vector

__all__ = ["Matrix", "Result", "Scalar", "String", "Vector"]
