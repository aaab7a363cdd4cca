"""Signalling: joining, the requests of clients, and the calls of administrators."""
