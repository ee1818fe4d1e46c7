"""The gate (审核): judges every record by the rule book, and queues what follows."""
