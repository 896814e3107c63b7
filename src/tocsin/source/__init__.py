"""Where samples come from: scraping targets over HTTP."""

from tocsin.source._fetch import Scraped, fetch, make_client
from tocsin.source._reader import Reader

__all__ = ["Reader", "Scraped", "fetch", "make_client"]
