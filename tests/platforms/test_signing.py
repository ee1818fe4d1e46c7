"""Request signing, both algorithms, against fixed vectors and in both directions."""

from __future__ import annotations

import hashlib
import hmac

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from include.base.errors import ConfigurationError
from include.base.settings import SigningKey
from include.platforms.signing import Signature, SigningAuthentication, sign, string_to_sign, verify

BODY = b'{"items":[]}'
TEXT = (
    "POST\n/v1/need-batches?x=1\n1790000000\nnonce-0001\n"
    "eef46741adfc3a9f76294d3b78f37a45f113092ac9d44ee77c7a038a88ff09a1"
)
KEYS = {name: SigningKey(key_id="k1", secret="demo-secret", algorithm=name) for name in ("HMAC-SHA256", "HMAC-SM3")}
EXPECTED = {
    "HMAC-SHA256": "944cc71ffa573624b7f5a94563faf0b1091e54ff14609421ce9e972a3a5b8a88",
    "HMAC-SM3": "4ea637527b92a699f2f44d280260ecebce987b6c4ddba93efefe550d75d2dca1",
}


def test_the_string_to_sign_is_the_contracts() -> None:
    text = string_to_sign("post", "/v1/need-batches?x=1", "1790000000", "nonce-0001", BODY)
    assert text == TEXT
    empty = string_to_sign("GET", "/v1/institutions", "1790000000", "n", b"")
    assert empty.endswith("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


@pytest.mark.parametrize("algorithm", KEYS)
def test_signatures_match_fixed_vectors(algorithm: str) -> None:
    assert sign(KEYS[algorithm], TEXT) == EXPECTED[algorithm]


def test_hmac_sm3_is_the_hmac_construction_over_sm3() -> None:
    """Independent of the library that signs: OpenSSL's SM3 through hashlib, put together by hmac."""
    if "sm3" not in hashlib.algorithms_available:
        pytest.skip("this OpenSSL has no SM3")
    assert hmac.new(b"demo-secret", TEXT.encode(), "sm3").hexdigest() == EXPECTED["HMAC-SM3"]


@given(secret=st.text(min_size=1), text=st.text(), algorithm=st.sampled_from(sorted(KEYS)))
def test_what_is_signed_verifies_and_nothing_else_does(secret: str, text: str, algorithm: str) -> None:
    try:
        secret.encode(), text.encode()
    except UnicodeEncodeError:
        return
    key = SigningKey(key_id="k", secret=secret, algorithm=algorithm)
    signature = sign(key, text)
    assert verify(key, text, signature)
    assert not verify(key, text + "x", signature)
    assert not verify(SigningKey(key_id="k", secret=secret + "x", algorithm=algorithm), text, signature)
    assert not verify(key, text, "no hex")


def test_an_unknown_algorithm_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="HMAC-SM3"):
        sign(SigningKey(key_id="k", secret="s", algorithm="MD5"), "")


def test_the_query_is_signed_as_it_is_sent() -> None:
    request = requests.Request("GET", "http://h/v1/ledger?quarter=2026Q3&cursor=a%2Fb%3D", data=None).prepare()
    key = KEYS["HMAC-SM3"]
    signed = Signature("app", key, 1790000000, "n")(request)
    text = string_to_sign("GET", "/v1/ledger?quarter=2026Q3&cursor=a%2Fb%3D", "1790000000", "n", b"")
    assert signed.headers["X-Signature"] == sign(key, text)
    assert signed.headers["X-Signature-Algorithm"] == "HMAC-SM3"
    assert (signed.headers["X-App-Id"], signed.headers["X-Key-Id"]) == ("app", "k1")


def test_timestamp_and_nonce_are_fresh_for_each_request() -> None:
    seconds = iter((1790000000.9, 1790000001.1))
    signing = SigningAuthentication("app", (KEYS["HMAC-SHA256"],), clock=lambda: next(seconds))
    sent = [signing.authorise()(requests.Request("GET", "http://h/").prepare()).headers for _ in range(2)]
    assert [headers["X-Timestamp"] for headers in sent] == ["1790000000", "1790000001"]
    assert sent[0]["X-Nonce"] != sent[1]["X-Nonce"]
