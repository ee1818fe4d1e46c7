"""Errors that a person has to act on, worded for that person.

Everything else that is raised is a defect of the program and keeps its traceback.
"""

from __future__ import annotations


class UserFacingError(Exception):
    """A failure with one clear Chinese sentence (what, where) and the next step.

    `str(error)` is safe to show and to log: it never carries secrets or personal data.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what} 处理办法：{next_step}")
        self.what = what
        self.next_step = next_step


class ConfigurationError(UserFacingError):
    """A connection, key or policy value is missing or unusable."""


class PlatformUnavailable(UserFacingError):
    """A platform did not answer, or answered with a fault that retries did not cure."""


class CredentialsRefused(UserFacingError):
    """A platform refused the credentials or the signature."""


class IntakeIncomplete(UserFacingError):
    """A listing could not be read whole, or a record is not accounted for (B02, B06, B10)."""


class InvalidRequest(UserFacingError):
    """A parameter that a person gave cannot be used."""


class NotFound(InvalidRequest):
    """What was asked for does not exist, or not for the person who asks."""


class NotPermitted(UserFacingError):
    """The person is known, but may not see or do this; or the act did not come from the console's own page."""
