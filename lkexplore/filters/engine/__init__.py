"""What filters are made of: changes without a click, memories, overlapping blocks."""
