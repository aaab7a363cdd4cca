"""The network under the embedded server: ICE-lite, DTLS-SRTP and data channels on one UDP socket.

`UdpMux` owns the socket; each `Transport` is one peer's connection. Import aiortc only once, at
the start of the server's process: it takes a quarter of a second.
"""

from .channels import Channel, DataChannels
from .dtls import PEER_CLOSED
from .mux import UdpMux
from .transport import Transport

__all__ = ["PEER_CLOSED", "Channel", "DataChannels", "Transport", "UdpMux"]
