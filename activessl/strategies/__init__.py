"""Which items to ask about next: pure functions of arrays, and strategies made of them."""
