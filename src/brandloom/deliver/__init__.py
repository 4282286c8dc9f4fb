"""Messages out: a crash-safe send queue, carriers behind one protocol, ways to refuse, mail server and gateway on loopback."""

from brandloom.deliver.channels import ADDRESS_KIND, Channel, Message, OutboxChannel, Receipt
from brandloom.deliver.clicks import MACHINES, Click, ClickLinks, Followed, ShortLinks, Visit, follow, follow_short, keep_link
from brandloom.deliver.gateway import LoopbackGateway, Texted
from brandloom.deliver.link_server import LinkServer
from brandloom.deliver.mail import Dkim, Envelope, Mailer, Parts, Picture, ascii_domain, subject_line
from brandloom.deliver.numbers import dialable
from brandloom.deliver.outbox import Claimed, Enqueued, Item, Status, enqueue, resolve_uncertain, status
from brandloom.deliver.push_service import Browser, LoopbackPush
from brandloom.deliver.reasons import reason_text
from brandloom.deliver.replies import ReplyDesk, refuses, signed_by_gateway
from brandloom.deliver.rules import Caps, SendRules
from brandloom.deliver.send import SendJob, SendReport, send
from brandloom.deliver.sink import LoopbackChannel, LoopbackSmtp, Received
from brandloom.deliver.sms import ChuanglanSms, TwilioSms, open_sms, reply_key
from brandloom.deliver.smtp import SmtpChannel
from brandloom.deliver.unsubscribe import Links, Subscription, unsubscribe
from brandloom.deliver.unsubscribe_server import UnsubscribeServer
from brandloom.deliver.waves import TextShare, Wave, close_waves, open_wave, waves_of
from brandloom.deliver.webpush import MOST_BYTES, PushSubscription, WebPush, application_server_key, seal, unseal

__all__ = [
    "ADDRESS_KIND", "MACHINES", "MOST_BYTES", "Browser", "Caps", "Channel", "ChuanglanSms", "Claimed", "Click", "ClickLinks", "Dkim",
    "Enqueued", "Envelope", "Followed", "Item", "LinkServer", "Links", "LoopbackChannel", "LoopbackGateway", "LoopbackPush", "LoopbackSmtp",
    "Mailer", "Message", "OutboxChannel", "Parts", "Picture", "PushSubscription", "Receipt", "Received", "ReplyDesk", "SendJob",
    "SendReport", "SendRules", "ShortLinks", "SmtpChannel", "Status", "Subscription", "TextShare", "Texted", "TwilioSms", "UnsubscribeServer",
    "Visit", "Wave", "WebPush", "application_server_key", "ascii_domain", "close_waves", "dialable", "enqueue", "follow", "follow_short", "keep_link",
    "open_sms", "open_wave", "reason_text", "refuses", "reply_key", "resolve_uncertain", "seal", "send", "signed_by_gateway", "status",
    "subject_line", "unseal", "unsubscribe", "waves_of",
]
