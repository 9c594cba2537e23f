"""The steps of a session, one module each."""
