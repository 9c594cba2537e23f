"""What is known of items beside their content: columns of a table, folders, and what cameras write into files."""
