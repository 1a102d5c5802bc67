"""Addresses of services, as given on the command line."""

from urllib.parse import urlsplit

import httpx
import typer


def root_url(text: str) -> str:
    """*text* without a slash at its end: the callback of an option that takes a service's root URL.

    Raises BadParameter for what is no http or https URL to which a path can be added.
    """
    wrong = typer.BadParameter(f"{text!r} is no address of a service, such as http://127.0.0.1:8800")
    try:
        parts = urlsplit(text)
        port = parts.port
        httpx.URL(text)
    except (ValueError, httpx.InvalidURL) as error:
        raise wrong from error
    is_plain = not any(character in text for character in " ?#@\\")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not is_plain:
        raise wrong
    return text.rstrip("/")
