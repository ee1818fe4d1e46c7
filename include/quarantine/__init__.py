"""The quarantine (隔离区): what the gate holds waits here until a named person decides."""
