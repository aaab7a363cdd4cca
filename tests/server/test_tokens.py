"""Access tokens: what they grant, and every way in which they are refused."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from livekit import api
from livekit.protocol import models as m
from serving import KEY, SECRET, joining_token, token

from lkexplore.server.tokens import Grants, TokenRefused, reissue, verify

KEYS = {KEY: SECRET, "LKother": "another-secret-that-is-long-enough-too"}


def refusal(text: str) -> str:
    """Return why a token is refused, after checking that the answer tells nothing of it."""
    with pytest.raises(TokenRefused) as refused:
        verify(text, KEYS)
    answer = str(refused.value)
    assert "\n" not in answer
    assert len(answer) < 120
    assert SECRET not in answer
    assert all(part not in answer for part in text.split(".") if len(part) > 12)
    return answer


def unsigned(header: Any, payload: Any, signature: bytes = b"") -> str:
    """Return a token of any content, signed by nobody."""
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": KEY, "sub": "alice", "exp": now + 600, "video": {"roomJoin": True}, **changes}


def test_all_grants_of_the_sdk_s_token() -> None:
    grants = api.VideoGrants(
        room_join=True,
        room="lesson",
        can_publish=True,
        can_publish_data=False,
        can_subscribe=False,
        can_publish_sources=["microphone", "screen_share"],
        can_update_own_metadata=True,
        room_admin=True,
        room_create=True,
        room_list=True,
        hidden=True,
    )
    text = (
        api.AccessToken(KEY, SECRET)
        .with_identity("alice")
        .with_name("Alice")
        .with_metadata("about")
        .with_attributes({"seat": "3"})
        .with_kind("agent")
        .with_grants(grants)
        .to_jwt()
    )
    found = verify(text, KEYS)
    assert (found.api_key, found.identity, found.name) == (KEY, "alice", "Alice")
    assert (found.metadata, found.attributes, found.kind) == ("about", {"seat": "3"}, "agent")
    assert found.room == "lesson"
    assert found.room_join
    assert found.room_create
    assert found.room_list
    assert found.hidden
    assert not found.can_subscribe
    assert found.administers("lesson")
    assert not found.administers("another")
    assert found.permission() == m.ParticipantPermission(
        can_publish=True,
        can_publish_data=False,
        can_subscribe=False,
        can_publish_sources=[m.TrackSource.MICROPHONE, m.TrackSource.SCREEN_SHARE],
        can_update_metadata=True,
        hidden=True,
    )


def test_what_is_granted_when_nothing_is_said() -> None:
    found = verify(token(video={}), KEYS)
    assert found.has_video_grant
    assert (found.can_publish, found.can_subscribe, found.can_publish_data) == (True, True, True)
    assert not any((found.room_join, found.room_admin, found.room_list, found.room_create))
    assert not verify(token(without=("video",)), KEYS).has_video_grant


@pytest.mark.parametrize(
    ("given_grants", "may_send_data"),
    [
        ({"canPublish": False}, False),
        ({"canPublish": False, "canPublishData": True}, True),
        ({"canPublish": True, "canPublishData": False}, False),
        ({"canPublishData": None}, True),
    ],
)
def test_data_follow_the_right_to_publish(
    given_grants: dict[str, Any], may_send_data: bool
) -> None:
    assert verify(joining_token(**given_grants), KEYS).can_publish_data is may_send_data


def test_the_identity_may_stand_in_the_token_s_id() -> None:
    assert verify(token(without=("sub",), jti="alice"), KEYS).identity == "alice"
    assert verify(token("alice", jti="bob"), KEYS).identity == "alice"
    assert verify(token(without=("sub",)), KEYS).identity == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": time.time() - 3600}, "it has expired"),
        ({"exp": 0}, "it has expired"),
        ({"nbf": time.time() + 3600}, "it is not valid yet"),
    ],
)
def test_tokens_out_of_their_time(changes: dict[str, Any], expected: str) -> None:
    assert refusal(token(**changes)) == f"invalid token: {expected}"


def test_clocks_may_differ_by_half_a_minute() -> None:
    now = int(time.time())
    verify(token(exp=now - 30), KEYS)
    verify(token(nbf=now + 30), KEYS)


def test_a_token_without_an_end_is_refused() -> None:
    assert refusal(token(without=("exp",))) == "invalid token: it needs an expiry (exp)"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_other_hashes_with_the_right_secret(algorithm: str) -> None:
    text = token(secret=SECRET * 2, algorithm=algorithm)
    with pytest.raises(TokenRefused, match="only HS256"):
        verify(text, {KEY: SECRET * 2})


def test_unsigned_tokens() -> None:
    for algorithm in ("none", "None", "NONE", "nOnE", "", None, "HS256"):
        text = unsigned({"alg": algorithm, "typ": "JWT"}, claims())
        assert refusal(text).startswith("invalid")
    assert "only HS256" in refusal(jwt.encode(claims(), None, algorithm="none"))


def test_the_algorithm_cannot_be_confused_with_a_public_key() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "only HS256" in refusal(jwt.encode(claims(), private, algorithm="RS256"))


def test_a_key_named_in_the_header_counts_nothing() -> None:
    headers = {"jwk": {"kty": "oct", "k": "bWluZQ"}, "kid": "LKother", "x5u": "http://127.0.0.1/x"}
    mine = "my-own-secret-that-is-long-enough-for-this"
    text = jwt.encode(claims(), mine, algorithm="HS256", headers=headers)
    assert "signature" in refusal(text)


def test_wrong_secrets_and_unknown_keys() -> None:
    assert "signature" in refusal(token(secret="x" * 40))
    assert "signature" in refusal(token(key="LKother"))
    assert refusal(token(key="LKnobody")) == "invalid API key"
    assert refusal(token(without=("iss",))) == "invalid API key"
    for issuer in (7, ["LKtest"], {"a": 1}, True, None):
        text = unsigned({"alg": "HS256"}, claims(iss=issuer))
        assert refusal(text).startswith("invalid")


def test_a_changed_payload_or_signature() -> None:
    head, body, tag = token().split(".")
    admin = base64.urlsafe_b64encode(json.dumps(claims(video={"roomAdmin": True})).encode())
    assert "signature" in refusal(".".join((head, admin.decode().rstrip("="), tag)))
    assert "signature" in refusal(".".join((head, body, tag[::-1][1:] + "A")))
    assert refusal(".".join((head, body, ""))).startswith("invalid")
    assert refusal(".".join((head, body))) == "invalid authorization token"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": [1]},
        {"exp": {}},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"nbf": []},
        {"nbf": "x"},
        {"sub": 5},
        {"name": 5},
        {"metadata": {"a": 1}},
        {"kind": 1},
        {"attributes": ["a"]},
        {"attributes": {"a": 1}},
        {"video": []},
        {"video": "all"},
        {"video": {"room": 5}},
        {"video": {"roomJoin": "true"}},
        {"video": {"roomJoin": 1}},
        {"video": {"canPublishSources": "camera"}},
        {"video": {"canPublishSources": [["camera"]]}},
        {"video": {"canPublishSources": ["telescope"]}},
    ],
    ids=str,
)
def test_claims_of_the_wrong_type(changes: dict[str, Any]) -> None:
    assert refusal(token(**changes)).startswith("invalid token: ")


def test_huge_and_deep_tokens() -> None:
    assert refusal("x" * 16_385) == "invalid token: too long"
    assert refusal(token(metadata="m" * 20_000)) == "invalid token: too long"
    deep = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
    assert refusal(f"{deep}.{deep}.") == "invalid authorization token"
    number = base64.urlsafe_b64encode(b'{"alg":"HS256","exp":' + b"9" * 6000 + b"}").decode()
    assert refusal(f"{number}.{number}.").startswith("invalid")


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(TokenRefused):
        verify(text, KEYS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.sampled_from(
        ["iss", "sub", "exp", "nbf", "iat", "aud", "jti", "video", "name", "attributes"]
    ),
)
def test_any_claim_is_taken_or_refused(value: Any, name: str) -> None:
    try:
        payload = {**claims(), name: value}
        text = jwt.encode(payload, SECRET, algorithm="HS256")
    except (TypeError, ValueError, OverflowError):
        return
    with contextlib.suppress(TokenRefused):
        assert isinstance(verify(text, KEYS), Grants)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=40))
def test_any_parts_are_refused(head: bytes, body: bytes, tag: bytes) -> None:
    text = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (head, body, tag)
    )
    with pytest.raises(TokenRefused):
        verify(text, KEYS)


def test_a_reissued_token_holds_what_the_bearer_has_become() -> None:
    grants = verify(joining_token("alice", "lesson", roomAdmin=True), KEYS)
    info = m.ParticipantInfo(name="New", metadata="m", attributes={"a": "b"})
    permission = m.ParticipantPermission(
        can_subscribe=True,
        can_publish=True,
        can_publish_sources=[m.TrackSource.MICROPHONE, m.TrackSource.UNKNOWN],
    )
    again = verify(reissue(grants, KEYS, 600, info, permission), KEYS)
    assert (again.identity, again.room, again.room_join) == ("alice", "lesson", True)
    assert again.room_admin
    assert (again.name, again.metadata, again.attributes) == ("New", "m", {"a": "b"})
    assert again.can_publish_sources == (m.TrackSource.MICROPHONE,)
    assert not again.can_publish_data
    assert again.payload["exp"] - time.time() == pytest.approx(600, abs=5)


def test_grants_do_not_show_the_token_s_content() -> None:
    assert "payload" not in repr(verify(token(metadata="private"), KEYS)).replace("private", "")
