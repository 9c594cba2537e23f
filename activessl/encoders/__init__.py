"""Items into vectors in which few labels go far."""
