"""Proxies of the environment: past which servers the SDK is led, and what stands in its way.

The SDK's signalling takes ``HTTP_PROXY`` for ``ws://`` and ``HTTPS_PROXY`` for ``wss://``, also for
this computer itself, and knows no ``NO_PROXY``. It reads them each time that it connects.
"""

from __future__ import annotations

import ipaddress
import os
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

__all__ = ["Proxy", "lead_sdk_past_proxy", "proxy_for"]


class Proxy(NamedTuple):
    """A proxy that the environment names.

    Attributes
    ----------
    variable : str
        The environment variable that names it, such as ``"HTTPS_PROXY"``.
    address : str
        Its address, without a user's name and password.
    """

    variable: str
    address: str


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy through which a LiveKit server is reached, None if it is reached directly.

    Parameters
    ----------
    url : str
        Address of the server: ``ws://``, ``wss://``, ``http://`` or ``https://``.

    Notes
    -----
    This computer itself, and what ``NO_PROXY`` lists, is reached directly, as by curl.

    Examples
    --------
    >>> proxy_for("ws://127.0.0.1:7880") is None
    True
    """
    return None if _is_direct(url) else _named(url)


def lead_sdk_past_proxy(url: str) -> None:
    """Let the SDK connect to a server directly where that is due, and through its proxy elsewhere.

    Call it before each connection, on any thread.

    Notes
    -----
    The SDK takes an empty variable in capitals for no proxy, while other programs go on to the one
    in small letters: the proxy's address moves there. Only the process's own list of variables
    changes, which child processes inherit; ``os.environ`` stays as it is.
    """
    found = _named(url)
    if found is None or os.name == "nt":
        return
    capitals, small = _variables(url)
    if _is_direct(url):
        os.putenv(capitals, "")
        os.putenv(small, os.environ.get(small) or os.environ[capitals])
        return
    for name in (capitals, small):
        if name in os.environ:
            os.putenv(name, os.environ[name])
        else:
            os.unsetenv(name)


def _variables(url: str) -> tuple[str, str]:
    secure = urlsplit(url).scheme in ("wss", "https")
    return ("HTTPS_PROXY", "https_proxy") if secure else ("HTTP_PROXY", "http_proxy")


def _named(url: str) -> Proxy | None:
    for variable in _variables(url):
        value = os.environ.get(variable, "")
        if value:
            parts = urlsplit(value if "//" in value else f"//{value}")
            host = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
            return Proxy(variable, f"{parts.scheme or 'http'}://{host}")
    return None


def _is_direct(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        if ipaddress.ip_address(host).is_loopback:
            return True
    except ValueError:
        # A name, which may be listed.
        pass
    return bool(proxy_bypass_environment(f"{host}:{parts.port}" if parts.port else host))
