"""What is measured of each item's content, in one pass, so that checks can compare the items of a pool."""
