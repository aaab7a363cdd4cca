"""Linear filters: their design, how they run, and what is known of them without any sound."""
