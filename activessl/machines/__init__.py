"""What can answer about an item for less than a person: tables, rules, functions, models."""
