"""Both platforms, the banks' behaviour and a mailbox, as programs that speak exactly the contracts, for demos and tests."""
