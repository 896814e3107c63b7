"""A page on paper, as PDF; needs the extra `pdf`."""

from __future__ import annotations

from tocsin.errors import ParseError

__all__ = ["make_pdf"]

_LIBRARIES = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def make_pdf(page: str) -> bytes:
    """The same page makes the same bytes where the same fonts are. Nothing is fetched for it.

    Raises ParseError where the extra or a library of the system is missing.
    """
    try:
        from weasyprint import HTML  # noqa: PLC0415 - an extra
        from weasyprint.urls import URLFetcher  # noqa: PLC0415 - an extra
    except ImportError:
        raise ParseError("PDF needs weasyprint", hint="pip install 'tocsin[pdf]'") from None
    except OSError as error:
        what = f"PDF needs the system's library pango: {str(error).partition(chr(10))[0][:200]}"
        raise ParseError(what, hint=f"on Debian and Ubuntu: {_LIBRARIES}") from None

    within = URLFetcher(allowed_protocols=("data",))
    return bytes(HTML(string=page, url_fetcher=within).write_pdf(pdf_identifier=b"tocsin"))
