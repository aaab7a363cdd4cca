"""Where the server's address and rights come from, and that secrets stay secret."""

from __future__ import annotations

import logging

import jwt
import pytest

from lkexplore.errors import ConnectError, TokenError
from lkexplore.room.credentials import (
    Credentials,
    Secret,
    resolve,
    scrub,
    tame_sdk_log,
    websocket_url,
)

KEY, SECRET = "key", "a secret of more than thirty-two characters"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ws://127.0.0.1:7880", "ws://127.0.0.1:7880"),
        ("http://127.0.0.1:7880/", "ws://127.0.0.1:7880"),
        ("https://rooms.example", "wss://rooms.example"),
        (" WSS://Rooms.Example/path/ ", "wss://rooms.example/path"),
        ("ws://[::1]:7880", "ws://[::1]:7880"),
        ("wss://user:password@rooms.example?access_token=x", "wss://rooms.example"),
    ],
)
def test_addresses(given, expected):
    assert websocket_url(given) == expected


@pytest.mark.parametrize("bad", ["rooms.example", "ftp://rooms.example", "ws://", "ws://h:99999"])
def test_what_is_no_address_is_refused(bad):
    with pytest.raises(ConnectError, match="must start with ws://"):
        websocket_url(bad)


def test_nothing_given_means_the_embedded_server():
    assert resolve() is None


def test_arguments_go_before_the_environment_and_tokens_before_keys(monkeypatch):
    monkeypatch.setenv("LIVEKIT_URL", "ws://env")
    monkeypatch.setenv("LIVEKIT_TOKEN", "env-token")
    monkeypatch.setenv("LIVEKIT_API_KEY", "env-key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "env-secret")
    found = resolve()
    assert (found.url, found.token) == ("ws://env", "env-token")
    found = resolve(url="ws://arg", api_key=KEY, api_secret=SECRET)
    assert (found.url, found.token, found.api_key) == ("ws://arg", None, KEY)
    assert resolve(token="mine").token == "mine"
    assert resolve(api_key=KEY).api_secret == "env-secret"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"url": "ws://x"}, "LIVEKIT_API_KEY and LIVEKIT_API_SECRET is missing"),
        ({"url": "ws://x", "api_key": KEY}, "LIVEKIT_API_SECRET is missing"),
        ({"url": "ws://x", "api_secret": SECRET}, "LIVEKIT_API_KEY is missing"),
        ({"token": "t"}, "token given, but no server"),
        ({"api_key": KEY, "api_secret": SECRET}, "api_key and api_secret given, but no server"),
    ],
)
def test_a_missing_part_is_named(given, missing):
    with pytest.raises(ConnectError, match=missing) as caught:
        resolve(**given)
    assert SECRET not in str(caught.value)


def test_tokens_say_what_was_asked_for():
    token, identity = Credentials("ws://x", api_key=KEY, api_secret=SECRET).token_for("r", "eve")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["iss"], claims["sub"], identity) == (KEY, "eve", "eve")
    assert claims["video"]["room"] == "r"
    assert claims["video"]["roomJoin"] is True


def test_a_token_for_any_room_is_taken():
    token = jwt.encode({"sub": "eve", "video": {"roomJoin": True}}, SECRET)
    assert Credentials("ws://x", token=token).token_for("any", None) == (token, "eve")
    with pytest.raises(TokenError, match="for identity 'eve'"):
        Credentials("ws://x", token=token).token_for("any", "adam")


def test_secrets_do_not_show():
    token = jwt.encode({"sub": "eve"}, SECRET)
    shown = repr(Credentials("ws://x", token=token, api_key=KEY, api_secret=SECRET))
    assert SECRET not in shown
    assert token not in shown
    assert repr(Secret("x")) == repr("***")
    assert str(Secret("x")) == "x"
    said = f"invalid token: {token}, at wss://h/rtc?access_token={token}&x=1 (api_secret=abc)"
    assert scrub(said) == (
        "invalid token: ***, at wss://h/rtc?access_token=***&x=1 (api_secret=***)"
    )
    assert scrub("nothing to hide, eyJust words") == "nothing to hide, eyJust words"


def test_the_sdk_logs_no_token_and_no_noise(caplog):
    tame_sdk_log()
    tame_sdk_log()
    log = logging.getLogger("livekit")
    token = jwt.encode({"sub": "eve"}, SECRET)
    log.error("server said: %s", token)
    log.warning("Attempted to drop unknown FFI handle: 7")
    assert [record.getMessage() for record in caplog.records] == ["server said: ***"]
