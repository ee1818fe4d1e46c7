-- Functions that the tables themselves call, in columns, checks and indexes. They are made before the tables.

-- The key of a person, however his id is written. The same as in include/domain/people.py; a test compares the two over
-- all characters.
create or replace function person_key(actor text) returns text language sql immutable strict parallel safe as $$
    select normalize(
        casefold(regexp_replace(normalize(actor, NFKC), '[\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000110BD\U000110CD\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]', '', 'g') collate "pg_unicode_fast"), NFKC
    )
$$;
