"""A client in a process of its own, to be killed: it joins and plays a tone."""

from __future__ import annotations

import asyncio
import json
import sys

from e2e_people import Person, with_mode
from e2e_sound import Tone
from livekit import rtc


async def _main() -> None:
    options = json.loads(sys.stdin.readline())
    person = Person("victim")
    await person.room.connect(
        options["url"], options["token"], with_mode(rtc.RoomOptions(), options["single"])
    )
    await person.play(Tone(440))
    await asyncio.sleep(120)


if __name__ == "__main__":
    asyncio.run(_main())
