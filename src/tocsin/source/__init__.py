"""Where samples come from: scraping targets, and asking an API."""

from tocsin.source._fetch import Scraped, fetch, make_client
from tocsin.source._prometheus import Address, PrometheusApi, parse_address
from tocsin.source._reader import Reader

__all__ = [
    "Address",
    "PrometheusApi",
    "Reader",
    "Scraped",
    "fetch",
    "make_client",
    "parse_address",
]
