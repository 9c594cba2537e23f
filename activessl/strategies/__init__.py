"""Which items to ask about next. Pure."""
