"""What everything else may import: errors, settings, keys and masking, canonical JSON, business time."""
