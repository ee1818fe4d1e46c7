"""The cipher of a business database: the keys of the settings, and the database's own secret of hashes.

Hashes cannot be recomputed once personal data is purged, so their secret must outlive the keys. It is derived from the
oldest key when the database is first used, and stored encrypted; `rekey` re-encrypts it like everything else.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from include.base.privacy import PersonalDataCipher
from include.base.settings import Settings
from include.store.sealed import CONTACT, STORED_SECRET
from include.store.tables import contact, stored_secret

_HASHES = "hashes"


def open_cipher(engine: sa.Engine, settings: Settings) -> PersonalDataCipher:
    """The cipher for personal data in this database.

    Raises ConfigurationError if the keys are not those of this database.
    """
    keys, algorithm = settings.personal_data_keys, settings.personal_data_algorithm
    by_keys = PersonalDataCipher(keys, algorithm=algorithm)
    place = STORED_SECRET.place(_HASHES)
    stored = sa.select(stored_secret.c.ciphertext).where(stored_secret.c.name == _HASHES)
    with engine.connect() as connection:
        ciphertext = connection.execute(stored).scalar()
    if ciphertext is None:
        with engine.begin() as connection:
            # A wrong key given once must not become the key under which the secret is stored.
            encrypted = connection.execute(sa.select(contact).limit(1)).one_or_none()
            if encrypted is not None:
                by_keys.decrypt(encrypted.ciphertext, CONTACT.place(encrypted.need_id, encrypted.revision))
            kept = {"name": _HASHES, "ciphertext": by_keys.encrypt(by_keys.hash_secret, place)}
            connection.execute(insert(stored_secret).values(kept).on_conflict_do_nothing())
            ciphertext = connection.execute(stored).scalar_one()
    return PersonalDataCipher(keys, algorithm=algorithm, hash_secret=by_keys.decrypt(ciphertext, place))
