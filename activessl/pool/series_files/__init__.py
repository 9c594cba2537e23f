"""Files with many series: how each is read."""
