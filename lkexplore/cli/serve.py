"""``lkexplore serve``: the room server in the foreground."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import ServerError

if TYPE_CHECKING:
    from ..server.server import Server

__all__ = ["run_serve"]


def run_serve(
    *,
    dev: bool = False,
    host: str = "127.0.0.1",
    port: int = 7880,
    udp_port: int = 0,
    node_ip: str | None = None,
    loss: float | None = None,
    delay_ms: float | None = None,
    jitter_ms: float | None = None,
    rate_kbps: float | None = None,
    seed: int = 0,
) -> int:
    """Serve until interrupted.

    Parameters
    ----------
    dev : bool
        Whether to use LiveKit's usual development key and secret. Otherwise,
        ``LIVEKIT_API_KEY`` and ``LIVEKIT_API_SECRET`` are used when both are set, else a new
        random pair.
    host, port, udp_port, node_ip, seed
        Addresses, ports and seed of the server, see `lkexplore.server.config.ServerConfig`.
    loss, delay_ms, jitter_ms, rate_kbps
        Impairment of everybody's network: share of packets lost from 0 to 1, milliseconds, and
        kilobits per second; see `lkexplore.Room.impair`.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    ServerError
        When the ports are not free, or `dev` is asked for beyond this computer.
    ImpairmentError
        When a value of the network is out of its range.
    """
    from ..server.config import DEV_KEY, DEV_SECRET, ServerConfig, random_keys
    from ..server.network.impairment import Impairment
    from ..server.process import run_foreground

    loopback = host == "localhost" or host.startswith("127.")
    if dev and not loopback:
        raise ServerError(
            f"--dev with --host {host}: its secret is known to everybody; "
            "leave out --dev, or stay on 127.0.0.1"
        )
    key, secret = os.environ.get("LIVEKIT_API_KEY"), os.environ.get("LIVEKIT_API_SECRET")
    keys = {DEV_KEY: DEV_SECRET} if dev else {key: secret} if key and secret else random_keys()
    impairment = Impairment(loss or 0.0, delay_ms or 0.0, jitter_ms or 0.0, rate_kbps)
    config = ServerConfig(
        keys=keys,
        host=host,
        port=port,
        udp_port=udp_port,
        node_ip=node_ip,
        impairment=impairment,
        seed=seed,
    )
    return run_foreground(config, _announce)


def _announce(server: Server) -> None:
    [(key, secret)] = server.config.keys.items()
    bad = server.config.impairment
    if not bad.is_none:
        print(f"The network is bad on purpose: {bad}", flush=True)
    print(
        f"Serving rooms on {server.url} (media on UDP {server.mux.port}); Ctrl+C ends it.\n"
        "To use it from notebooks and other programs:\n\n"
        f"export LIVEKIT_URL={server.url}\n"
        f"export LIVEKIT_API_KEY={key}\n"
        f"export LIVEKIT_API_SECRET={secret}\n",
        flush=True,
    )
