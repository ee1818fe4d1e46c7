"""The delivery engine (发送): empties the outbox, each delivery once and in order, and keeps visible what cannot be sent."""
