"""Long recordings, of which windows or frames are the items."""
