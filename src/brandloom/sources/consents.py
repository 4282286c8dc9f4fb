"""Consent columns of a customer list: which channel a heading speaks of, and which values are a yes or a no."""

from __future__ import annotations

import re

_CONSENT = re.compile(r"consent|opt[\s_-]*(?:ed)?[\s_-]*(?:in|out)|subscri|accepts?|newsletter|permission|allow|marketing|同意|订阅|退订|接收|授权|许可",
                      re.IGNORECASE)
_REVERSED = re.compile(r"opt[\s_-]*(?:ed)?[\s_-]*out|unsubscri|do[\s_-]*not|退订|拒绝|不同意|不接收", re.IGNORECASE)
_CHANNELS = (("sms", re.compile(r"sms|text|mobile|短信", re.IGNORECASE)), ("phone", re.compile(r"phone|call|电话", re.IGNORECASE)),
             ("email", re.compile(r"e-?mail|newsletter|邮件|邮箱|accepts?[\s_-]*marketing|营销", re.IGNORECASE)),
             ("push", re.compile(r"push|推送", re.IGNORECASE)))
_YES = frozenset({"1", "1.0", "y", "yes", "true", "t", "on", "opt-in", "optin", "opted in", "subscribed", "granted", "ok", "是", "同意", "已同意", "有", "接收",
                  "已订阅", "订阅", "√"})
_NO = frozenset({"0", "0.0", "n", "no", "false", "f", "off", "opt-out", "optout", "opted out", "unsubscribed", "denied", "none", "否", "不同意", "无", "拒绝",
                 "未订阅", "已退订", "退订", "×"})


def consent_channel(heading: str) -> str | None:
    """'email', 'sms', 'phone' or 'push' when a heading is about consent to hear from the shop there; None otherwise."""
    if not _CONSENT.search(heading):
        return None
    return next((channel for channel, words in _CHANNELS if words.search(heading)), None)


def consent_given(heading: str, value: str | None) -> bool | None:
    """Whether a cell is a yes; None when it says neither, which is no statement at all."""
    text = (value or "").strip().lower()
    if text not in _YES and text not in _NO:
        return None
    return (text in _YES) != bool(_REVERSED.search(heading))
