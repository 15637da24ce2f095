"""Ask a person before credits are spent."""
