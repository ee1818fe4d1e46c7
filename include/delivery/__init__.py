"""The delivery engine (发送): it empties the outbox, each delivery once, in order, and keeps in sight what cannot be sent."""
