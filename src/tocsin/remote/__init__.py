"""Others over the network: targets to scrape, Prometheus and CloudWatch to ask."""

from tocsin.remote._cloudwatch import CloudWatchApi, cloudwatch_client
from tocsin.remote._fetch import Scraped, fetch, make_client
from tocsin.remote._prometheus import Address, PrometheusApi, parse_address
from tocsin.remote._reader import Reader

__all__ = [
    "Address",
    "CloudWatchApi",
    "PrometheusApi",
    "Reader",
    "Scraped",
    "cloudwatch_client",
    "fetch",
    "make_client",
    "parse_address",
]
