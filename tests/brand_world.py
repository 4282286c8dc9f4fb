"""Texts in three voices, and a kit learned from them."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from brandloom.content.brand import (
    BrandKit,
    learn_kit,
)

FORMAL = [f"Please contact our support team regarding your {thing}. We will assist you and ensure that the {thing} is provided promptly." for thing in
          ("order", "refund", "invoice", "parcel", "account", "subscription", "delivery", "receipt", "exchange", "voucher", "warranty", "request")]
CASUAL = [f"Hey, you've gotta see this {thing}! It's really awesome, and we're totally mad about it! Wanna have a look?" for thing in
          ("lamp", "teapot", "bell", "jumper", "notebook", "blanket", "candle", "basket", "mirror", "kettle", "lantern", "cushion")]
WARM_ZH = [f"亲，谢谢您喜欢这款{thing}哦！愿它陪伴您的每个温暖早晨，也祝您和家人开心幸福！" for thing in
           ("杯子", "毛毯", "台灯", "围巾", "茶壶", "抱枕", "花瓶", "蜡烛", "餐盘", "手套", "相框", "背包")]
CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": "墨绿色", "价格": "129元"}


def learned(texts: dict[str, list[str]], **fields: Any) -> BrandKit:
    return learn_kit(BrandKit(name="bells", **fields), texts).kit


def png(width: int, height: int) -> bytes:
    """A plain red picture, made by hand."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    rows = zlib.compress(b"".join(b"\0" + b"\xcc\x11\x22" * width for _row in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
