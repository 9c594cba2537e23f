"""Training an encoder on the pool itself: objectives, networks, the loop."""
