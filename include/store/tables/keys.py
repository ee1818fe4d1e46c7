"""Secrets that live as long as the data, encrypted under the keys of the settings."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table, Text

from include.store.tables.base import metadata

stored_secret = Table(
    "stored_secret",
    metadata,
    Column("name", Text, primary_key=True, comment="hashes: keys the hashes of personal data"),
    Column("ciphertext", LargeBinary, nullable=False, comment="the secret, encrypted"),
    comment="Secrets that outlive the keys of the settings: hashes must stay comparable when old keys are dropped",
)
