"""Sound as a value: samples, rate, time, gaps and their reasons."""
