"""Others over the network: targets to scrape, Prometheus and CloudWatch to ask, WAF to tell."""

from tocsin.remote._cloudwatch import CloudWatchApi, caller_of, cloudwatch_client
from tocsin.remote._fetch import Scraped, fetch, make_client
from tocsin.remote._prometheus import Address, PrometheusApi, parse_address
from tocsin.remote._reader import Reader
from tocsin.remote._waf import WafSets, waf_client

__all__ = [
    "Address",
    "CloudWatchApi",
    "PrometheusApi",
    "Reader",
    "Scraped",
    "WafSets",
    "caller_of",
    "cloudwatch_client",
    "fetch",
    "make_client",
    "parse_address",
    "waf_client",
]
