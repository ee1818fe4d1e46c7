"""The rule book (规则): Great Expectations suites, one expectation a rule, shared by the stages that judge something."""
