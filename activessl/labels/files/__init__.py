"""Files of labels that were given elsewhere: tables, and exports of labeling tools."""
