"""A quarter made up from a seed: register, needs, planted defects and the answer key."""
