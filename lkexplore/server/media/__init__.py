"""Media on its way through the server: RTP in, RTP out, and what is told of it."""
