"""The command line of activessl."""
