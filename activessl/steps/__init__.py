"""What a session does: one module a step."""
