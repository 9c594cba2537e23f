"""The trained model of a project as one object that scores new items."""
