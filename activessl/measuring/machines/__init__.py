"""What the answers of machines are worth: reliability, stand-in tests, intervals that use them. Pure."""
