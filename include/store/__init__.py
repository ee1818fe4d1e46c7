"""Tables, engine and outbox of the business database."""
