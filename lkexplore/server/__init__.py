"""The embedded server: a LiveKit-compatible room server, in a process of its own.

It speaks LiveKit's signalling protocol and real WebRTC, forwards media without decoding
them, and serves the official SDKs unmodified. It is meant for a laptop, a classroom and
tests, and listens on loopback unless told otherwise.

- ``server``, ``room``, ``participant``, ``data``: the rooms, who is in them, and their data.
- ``signalling/``: tokens, joining, requests of clients, and the calls of administrators.
- ``negotiation/``: session descriptions, offers and answers, and the tracks clients announce.
- ``media/``: RTP, RTCP and codecs, and who receives which packet.
- ``transport/``: the UDP socket, ICE-lite, DTLS-SRTP, data channels.
- ``network/``: bad links on demand.
- ``config``, ``shared``, ``ids``: settings, what rooms have in common, identifiers.
- ``process``: how the server is run.

Imports go one way. A module that needs something of the one above it, such as a participant of
its room, says exactly what in a `typing.Protocol` of its own.
"""
