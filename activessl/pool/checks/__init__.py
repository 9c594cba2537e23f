"""What can be found wrong with a pool before anybody labels it."""
