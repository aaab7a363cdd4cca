"""Offers and answers: how tracks get into a client's session descriptions.

Two ways exist. Newer clients use one peer connection, on which only they make offers
(`single`). Older ones use two, one for what they publish and one, on which the server
makes the offers, for what they receive (`dual`).
"""

from .base import Negotiator, PeerHost
from .dual import DualNegotiator
from .single import SingleNegotiator

__all__ = ["DualNegotiator", "Negotiator", "PeerHost", "SingleNegotiator"]
