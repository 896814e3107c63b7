"""A double of AWS WAF: moto's server, and sets in it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

import boto3
from moto.server import ThreadedMotoServer

CREDENTIALS = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}


@contextmanager
def waf():
    """Answers the address of the API."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(url, region="us-east-1"):
    return boto3.client("wafv2", region_name=region, endpoint_url=url, **CREDENTIALS)


def clients(url):
    return partial(client, url)


def make(api, name, version, addresses=(), scope="REGIONAL"):
    """A new set's ARN."""
    made = api.create_ip_set(
        Name=name, Scope=scope, IPAddressVersion=f"IPV{version}", Addresses=list(addresses),
        Description="kept out",
    )  # fmt: skip
    return made["Summary"]["ARN"]


def held(api, ip_set):
    found = api.get_ip_set(Name=ip_set.name, Scope=ip_set.scope, Id=ip_set.identity)["IPSet"]
    assert found["Description"] == "kept out"
    return found["Addresses"]
