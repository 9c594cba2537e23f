"""Reports: what was saved, as text, JSON and one HTML file."""
