"""Reports as text, as JSON and as one HTML file."""
