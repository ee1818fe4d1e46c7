"""The quarantine (待核实): what the gate holds waits here until a named person decides."""
