"""Messages out: a crash-safe send queue, carriers behind one protocol, one-click unsubscribe, a mail server on loopback."""

from brandloom.deliver.channels import Channel, Message, OutboxChannel, Receipt
from brandloom.deliver.clicks import MACHINES, Click, ClickLinks, Followed, Visit, follow, keep_link
from brandloom.deliver.link_server import LinkServer
from brandloom.deliver.mail import Dkim, Mailer, Parts, Picture, subject_line
from brandloom.deliver.outbox import Claimed, Enqueued, Item, Status, enqueue, resolve_uncertain, status
from brandloom.deliver.reasons import reason_text
from brandloom.deliver.rules import Caps
from brandloom.deliver.send import SendReport, send
from brandloom.deliver.sink import LoopbackChannel, LoopbackSmtp, Received
from brandloom.deliver.smtp import SmtpChannel
from brandloom.deliver.unsubscribe import Links, Subscription, unsubscribe
from brandloom.deliver.unsubscribe_server import UnsubscribeServer
from brandloom.deliver.waves import TextShare, Wave, close_waves, open_wave, waves_of

__all__ = [
    "MACHINES", "Caps", "Channel", "Claimed", "Click", "ClickLinks", "Dkim", "Enqueued", "Followed", "Item", "LinkServer", "Links",
    "LoopbackChannel", "LoopbackSmtp", "Mailer", "Message", "OutboxChannel", "Parts", "Picture", "Receipt", "Received", "SendReport",
    "SmtpChannel", "Status", "Subscription", "TextShare", "UnsubscribeServer", "Visit", "Wave", "close_waves", "enqueue", "follow",
    "keep_link", "open_wave", "reason_text", "resolve_uncertain", "send", "status", "subject_line", "unsubscribe", "waves_of",
]
