"""Both platforms, the banks' behaviour and a mailbox, as programs that follow the contracts exactly, for demos and tests."""
