"""Evidence of a project: the measured figures, the decisions that rest on them, and their wording."""
