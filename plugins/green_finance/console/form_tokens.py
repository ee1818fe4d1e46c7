"""The token in every form of the console: proof that the console itself gave this form to this user.

Another site can make a browser send a form with the user's cookie, but it cannot read a page of the console to copy the
token.
"""

from __future__ import annotations

from airflow.sdk.configuration import conf
from itsdangerous import BadSignature, URLSafeTimedSerializer

FIELD = "form_token"
_LONGEST_USE = 12 * 3600
"""Seconds that a page may stay open before its form is sent."""


def token_for(actor: str) -> str:
    """A token for the forms of this user."""
    return _serializer().dumps(actor)


def is_token_of(actor: str, token: str) -> bool:
    """Whether `token` was given to this user, not too long ago."""
    try:
        return bool(_serializer().loads(token, max_age=_LONGEST_USE) == actor)
    except BadSignature:
        return False


def _serializer() -> URLSafeTimedSerializer:
    """Signs with Airflow's own secret for its pages, which all its web servers share."""
    return URLSafeTimedSerializer(conf.get("api", "secret_key"), salt="green-finance-form")
