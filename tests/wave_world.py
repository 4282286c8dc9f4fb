"""The process of the kill tests: started fresh, so it is named by module and takes plain arguments."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from brandloom.campaigns import open_shop
from brandloom.deliver import SmtpChannel
from shop_world import good_model


def launch_once(path: str, sink: str, plan: str, moment: datetime) -> None:
    with open_shop(Path(path), model=good_model()) as shop:
        shop.clock = lambda: moment
        shop.launch(plan, channel=SmtpChannel(sink))
