"""Text, JSON and one HTML file."""
