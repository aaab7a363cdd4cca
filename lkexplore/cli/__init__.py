"""The ``lkexplore`` command: a demo of the main job, a server, the notebooks and a doctor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import LkExploreError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 when all went well, 1 after an error that is explained in one line, 2 for wrong
        arguments, 130 when interrupted.
    """
    arguments = _parsed(list(sys.argv[1:] if argv is None else argv))
    try:
        return int(arguments.run(arguments))
    except LkExploreError as error:
        print(f"lkexplore: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parsed(argv: list[str]) -> argparse.Namespace:
    """Return the arguments; what ``lab`` does not know itself is for JupyterLab."""
    parser = _parser()
    # argparse drops what stands after it, or not, from version to version.
    cut = argv.index("--") if argv[:1] == ["lab"] and "--" in argv else len(argv)
    arguments, unknown = parser.parse_known_args(argv[:cut])
    if arguments.run is _lab:
        arguments.passed_on = unknown + argv[cut + 1 :]
    elif unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lkexplore", description="Explore live audio in LiveKit rooms from Jupyter."
    )
    parser.add_argument("--version", action="version", version=f"lkexplore {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_serve(commands)
    _add_lab(commands)
    _add_doctor(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "join a room, record a voice, see it, filter it, publish it back, measure it"
    demo = commands.add_parser("demo", help=text, description=text)
    demo.add_argument(
        "--out", default="lkexplore-demo", metavar="DIR", help="folder for the results"
    )
    demo.add_argument("--seconds", type=float, default=5.0, help="how long to record (default 5)")
    demo.set_defaults(run=_demo)


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "run the room server and print how to connect to it"
    serve = commands.add_parser("serve", help=text, description=text)
    serve.add_argument(
        "--dev",
        action="store_true",
        help="key 'devkey' and secret 'secret', as LiveKit's development mode has them",
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to bind; 0.0.0.0 lets others in (default %(default)s)",
    )
    serve.add_argument("--port", type=int, default=7880, help="TCP port (default %(default)s)")
    serve.add_argument(
        "--udp-port", type=int, default=0, help="UDP port of the media (default: a free one)"
    )
    serve.add_argument(
        "--node-ip", default=None, help="address told to clients for media (default: found)"
    )
    _add_impairments(serve)
    serve.set_defaults(run=_serve)


def _add_impairments(serve: argparse.ArgumentParser) -> None:
    bad = serve.add_argument_group(
        "a bad network", "for everybody's sound and pictures, in both directions"
    )
    options = (
        ("--loss", "SHARE", "share of packets to lose, 0 to 1"),
        ("--delay-ms", "MS", "delay of every packet"),
        ("--jitter-ms", "MS", "largest random extra delay"),
        ("--rate-kbps", "KBPS", "most kilobits a second"),
    )
    for option, unit, text in options:
        bad.add_argument(option, type=float, default=None, metavar=unit, help=text)
    bad.add_argument(
        "--seed", type=int, default=0, help="the same seed loses the same packets (default 0)"
    )


def _add_lab(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "open JupyterLab on a copy of the notebooks"
    lab = commands.add_parser(
        "lab",
        help=text,
        usage="lkexplore lab [-h] [--update] [JupyterLab's options ...]",
        description="Open JupyterLab on a copy of the notebooks, lkexplore-notebooks/ in the "
        "current folder. Notebooks that are there stay as they are; what the lessons save goes "
        "there, too.",
        epilog="All other options are JupyterLab's, such as --no-browser, --ip=0.0.0.0, "
        "--port=8890 or --allow-root, and so is whatever stands after --: "
        "'lkexplore lab -- --help' lists them.",
        allow_abbrev=False,
    )
    lab.add_argument(
        "--update",
        action="store_true",
        help="bring newer versions of the notebooks: in the place of those that nobody has "
        "changed, and beside changed ones, as '01_quickstart (new).ipynb'",
    )
    lab.set_defaults(run=_lab)


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "say what is installed, which server answers, what is wrong and how to mend it"
    doctor = commands.add_parser("doctor", help=text, description=text)
    doctor.set_defaults(run=_doctor)


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run_demo

    return run_demo(arguments.out, seconds=arguments.seconds)


def _serve(arguments: argparse.Namespace) -> int:
    from .serve import run_serve

    return run_serve(
        dev=arguments.dev,
        host=arguments.host,
        port=arguments.port,
        udp_port=arguments.udp_port,
        node_ip=arguments.node_ip,
        loss=arguments.loss,
        delay_ms=arguments.delay_ms,
        jitter_ms=arguments.jitter_ms,
        rate_kbps=arguments.rate_kbps,
        seed=arguments.seed,
    )


def _lab(arguments: argparse.Namespace) -> int:
    from .lab import run_lab

    return run_lab(arguments.passed_on, update=arguments.update)


def _doctor(arguments: argparse.Namespace) -> int:
    from .doctor import run_doctor

    return run_doctor()
