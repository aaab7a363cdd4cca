"""Which servers are reached past the proxies that the environment names."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lkexplore.sdk.proxy import Proxy, lead_sdk_past_proxy, proxy_for

NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "variables", "expected"),
    [
        ("ws://live.example.org", {}, None),
        ("ws://live.example.org", {"HTTP_PROXY": "http://p:8080"}, ("HTTP_PROXY", "http://p:8080")),
        ("ws://live.example.org", {"http_proxy": "p:8080"}, ("http_proxy", "http://p:8080")),
        ("ws://live.example.org", {"HTTPS_PROXY": "http://p:8080"}, None),
        ("wss://live.example.org", {"HTTPS_PROXY": "http://p"}, ("HTTPS_PROXY", "http://p")),
        ("wss://live.example.org", {"HTTPS_PROXY": "http://p", "NO_PROXY": "example.org"}, None),
        ("wss://live.example.org", {"HTTPS_PROXY": "http://p", "no_proxy": "*"}, None),
        ("wss://live.example.org", {"HTTPS_PROXY": "http://p", "NO_PROXY": "other.org"}, "p"),
        ("ws://127.0.0.1:7880", {"HTTP_PROXY": "http://p"}, None),
        ("ws://127.8.8.8:7880", {"HTTP_PROXY": "http://p"}, None),
        ("ws://localhost:7880", {"HTTP_PROXY": "http://p"}, None),
        ("ws://[::1]:7880", {"HTTP_PROXY": "http://p"}, None),
        ("ws://192.168.1.7:7880", {"HTTP_PROXY": "http://p"}, "p"),
        ("ws://192.168.1.7:7880", {"HTTP_PROXY": "http://p", "NO_PROXY": "192.168.1.7"}, None),
    ],
)
def test_what_is_local_or_listed_is_reached_directly(monkeypatch, url, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(url)
    if expected == "p":
        assert found is not None
        assert found.address == "http://p"
    else:
        assert found == (None if expected is None else Proxy(*expected))


def test_a_password_is_not_told(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@p:3128")
    assert proxy_for("wss://live.example.org") == Proxy("HTTPS_PROXY", "http://p:3128")


def inherited() -> dict[str, str]:
    """Return what a child process sees of the proxies."""
    code = f"import os; print({{n: os.environ[n] for n in {NAMES!r} if n in os.environ}})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return eval(out.stdout)


@pytest.mark.skipif(os.name == "nt", reason="variables have no case there")
def test_others_keep_their_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://p:8080")
    lead_sdk_past_proxy("ws://127.0.0.1:7880")
    assert os.environ["HTTP_PROXY"] == "http://p:8080"
    assert "http_proxy" not in os.environ
    assert inherited() == {"HTTP_PROXY": "", "http_proxy": "http://p:8080"}
    lead_sdk_past_proxy("ws://live.example.org")
    assert inherited() == {"HTTP_PROXY": "http://p:8080"}
