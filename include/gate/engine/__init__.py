"""The columnar engine: records become columns, each rule is one vectorised pass. Entered through judge and fingerprints."""
