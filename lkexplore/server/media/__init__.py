"""Media on their way through the server: RTP in, RTP out, and the reports on both."""
