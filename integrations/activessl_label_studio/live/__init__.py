"""The live page of ``activessl serve``: what is open, who labels, how figures grow, and buttons for what is next."""
