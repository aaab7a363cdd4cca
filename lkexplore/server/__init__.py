"""The embedded server: a LiveKit-compatible room server, in a process of its own.

It speaks LiveKit's signalling protocol and real WebRTC, forwards media without decoding
them, and serves the official SDKs unmodified. It is meant for a laptop, a classroom and
tests, and listens on loopback unless told otherwise.

- ``transport/``: the UDP socket, ICE-lite, DTLS-SRTP, data channels.
- ``sdp``, ``rtp``, ``rtcp``, ``codecs``: what is on the wire.
- ``layer``, ``downtrack``, ``forwarding``, ``uplink``, ``subscriptions``: who receives which
  packet.
- ``negotiation/``: offers and answers.
- ``publishing``, ``data``, ``quality``, ``participant``, ``speakers``, ``room``: the room.
- ``impairment``, ``line``, ``network``, ``impairing``: bad links on demand.
- ``tokens``, ``joining``, ``admission``, ``session``, ``signals``: signalling.
- ``twirp``: administration. ``server``, ``door``, ``process``: the whole, and how it is run.
"""
