"""Which column of a file is which: headings in English and Chinese, or as the caller maps them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass

from brandloom.errors import DataError
from brandloom.i18n import _


@dataclass(frozen=True)
class Column:
    """One canonical column: how its values read, and the headings it goes by, the surest first."""

    reads: str
    """'text', 'id', 'time' (a moment), 'day' (a date without a zone), 'number', or 'label': text that is cleaned later, once per
    distinct value, because it never becomes part of a row."""
    names: str
    """Headings separated by spaces, in the spelling of `plain`."""


ORDER_ID = Column("id", "orderid orderno ordernumber invoiceno invoice invoiceid invoicenumber basketid transactionid receiptno"
                        " receiptid 订单号 订单编号 订单id 主订单编号 交易号 单号 发票号")
CUSTOMER = Column("id", "customerid customerno customernumber customer householdid householdkey userid user memberid memberno buyerid"
                        " clientid accountid 会员号 会员编号 会员id 客户编号 客户id 客户号 用户id 用户编号 买家id 顾客编号")
TIME_NAMES = ("orderdate ordertime orderedat invoicedate purchasedate purchasetime transactiontimestamp transactiondate transactiontime"
              " createdat occurredat timestamp datetime date time eventtime 下单时间 下单日期 订单创建时间 订单时间 订单日期 付款时间 支付时间"
              " 创建时间 交易时间 购买时间 购买日期 行为时间 时间 日期")
PRODUCT = Column("id", "productid productcode stockcode sku skuid itemid itemno itemcode articleno lineitemsku variantsku product item"
                       " 商品编码 商品编号 商品id 货号 商品货号 商家编码 宝贝id 产品编码 产品编号")
PRODUCT_NAME = Column("text", "productname description producttitle itemname itemtitle lineitemname productdescription title name"
                              " 商品名称 宝贝标题 商品标题 宝贝名称 产品名称 品名 标题")
QUANTITY = Column("number", "quantity qty units lineitemquantity itemquantity 数量 购买数量 商品数量 宝贝数量 件数")
UNIT_PRICE = Column("number", "unitprice price itemprice lineitemprice priceeach 单价 商品单价 商品价格 售价 价格")
AMOUNT = Column("number", "linetotal amount salesvalue sales lineamount totalprice totalamount total subtotal revenue"
                          " 实付金额 实收金额 买家实付金额 支付金额 成交金额 金额 小计 总价 销售额 商品总价")
COUNTRY = Column("text", "country countryregion shippingcountry billingcountry countrycode 国家 国家地区 收货国家")
STATUS = Column("text", "status orderstatus financialstatus paymentstatus 订单状态 交易状态 状态 退款状态")
ROW_ID = Column("id", "rowid lineid orderlineid orderitemid lineitemid lineno linenumber 行号 子订单编号 子订单号 明细编号")
CATEGORY = Column("text", "category productcategory categoryname producttype department 类目 分类 商品类目 商品分类 品类 类别")

KINDS: dict[str, dict[str, Column]] = {
    "orders": {
        "order_id": ORDER_ID, "customer": CUSTOMER, "occurred_at": Column("time", TIME_NAMES), "product": PRODUCT,
        "name": Column("label", PRODUCT_NAME.names), "quantity": QUANTITY, "unit_price": UNIT_PRICE, "amount": AMOUNT,
        "country": Column("label", COUNTRY.names), "status": STATUS, "row_id": ROW_ID,
        "channel": Column("text", "channel saleschannel orderchannel 渠道 销售渠道 来源渠道"),
    },
    "events": {
        "customer": CUSTOMER, "occurred_at": Column("time", TIME_NAMES), "product": PRODUCT,
        "kind": Column("text", "eventtype event kind action behavior behaviour behaviortype eventname type 行为类型 行为 事件 事件类型"),
        "quantity": QUANTITY, "amount": AMOUNT, "order_id": ORDER_ID,
        "session": Column("id", "sessionid session visitid usersession 会话id 会话 访问id"),
        "channel": Column("text", "channel medium utmmedium 渠道"), "campaign": Column("text", "campaign utmcampaign 活动 营销活动"),
        "row_id": Column("id", "eventid rowid 事件id 行号"),
    },
    "products": {
        "product": PRODUCT, "name": PRODUCT_NAME, "category": CATEGORY, "price": UNIT_PRICE,
        "description": Column("text", "longdescription details body bodyhtml productdetails 描述 商品描述 详情 商品详情 卖点"),
        "stock": Column("number", "stock stockquantity inventory inventoryqty quantityavailable onhand quantity qty 库存 库存数量 数量"),
        "image": Column("text", "image imageurl imagesrc picture pictureurl 图片 主图 图片链接 图片地址"),
    },
    "customers": {
        "customer": CUSTOMER, "country": COUNTRY,
        "language": Column("text", "language lang locale preferredlanguage 语言"),
        "first_seen": Column("time", "firstseen createdat registeredat registrationdate signupdate joindate 注册时间 注册日期 入会时间 创建时间"),
        "birth_date": Column("day", "birthdate dateofbirth birthday dob 出生日期 生日"),
        "age": Column("text", "age agegroup ageband agerange 年龄 年龄段"),
    },
    "documents": {
        "document": Column("id", "documentid docid reviewid id 文档编号 评论id 评论编号 评价编号 编号"),
        "kind": Column("text", "kind type documenttype 类型"),
        "title": Column("text", "title question subject headline 标题 问题 主题"),
        "text": Column("text", "text body answer content review reviewtext comment 正文 内容 回答 答案 评论 评价 评论内容 评价内容"),
        "language": Column("text", "language lang 语言"), "product": PRODUCT,
        "rating": Column("number", "rating score stars label 评分 星级"),
        "written_at": Column("time", "writtenat date createdat reviewdate time 时间 日期 评论时间 评价时间"),
    },
}
REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {  # of each group one column must be there
    "orders": (("customer",), ("occurred_at",), ("product", "name"), ("amount", "unit_price")),
    "events": (("customer",), ("occurred_at",), ("kind",)),
    "products": (("product",), ("name",)),
    "customers": (("customer",),),
    "documents": (("text",),),
}


def plain(heading: str) -> str:
    """A heading without case, width, spaces and punctuation: 'Invoice No.' and 'invoice_no' are both 'invoiceno'."""
    return "".join(c for c in unicodedata.normalize("NFKC", heading).casefold() if c.isalnum())


def match_columns(kind: str, columns: tuple[str, ...], mapping: Mapping[str, str] | None, *, file: str,
                  stand_in: Mapping[str, str] | None = None, not_customer: Set[int] = frozenset()) -> dict[str, int]:
    """Position of each canonical column that the file has.

    Args:
        kind: 'orders', 'events', 'products', 'customers' or 'documents'.
        columns: headings of the file.
        mapping: canonical name -> heading, decided by the caller; goes before recognition.
        file: the file's name, for messages.
        stand_in: canonical name -> heading to use where the file has no column of its own for it.
        not_customer: positions that are no customer id, whatever they are called (a column 'Customer' full of names).
    Raises:
        DataError: an unknown name in `mapping`, two columns of one name, a key column missing.
    """
    canonical = KINDS[kind]
    found = _mapped(canonical, columns, mapping or {}, file)
    known: dict[str, list[int]] = {}
    for position, heading in enumerate(columns):
        if position not in found.values():
            known.setdefault(plain(heading), []).append(position)
    for name, column in canonical.items():
        if name not in found:
            taken = {*found.values(), *(not_customer if name == "customer" else ())}
            hits = next((left for n in column.names.split() if (left := [at for at in known.get(n, []) if at not in taken])), [])
            if len(hits) > 1:
                first, second = (columns[i] for i in hits[:2])
                raise DataError(_("{file}: the columns '{first}' and '{second}' could both be {name}. Choose one: --map {name}='{first}'."),
                                file=file, first=first, second=second, name=name)
            if hits:
                found[name] = hits[0]
    for name, heading in (stand_in or {}).items():
        if name not in found:
            found[name] = columns.index(heading)
    _require(kind, found, columns, file)
    return found


def _mapped(canonical: Mapping[str, Column], columns: tuple[str, ...], mapping: Mapping[str, str], file: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, heading in mapping.items():
        if name not in canonical:
            raise DataError(_("--map {name}={heading}: '{name}' is not a column we know. Known: {known}."),
                            name=name, heading=heading, known=", ".join(canonical))
        hits = [i for i, c in enumerate(columns) if c == heading] or [i for i, c in enumerate(columns) if plain(c) == plain(heading)]
        if len(hits) != 1:
            raise DataError(_("--map {name}={heading}: {file} has no single column '{heading}'. Its columns: {columns}."),
                            name=name, heading=heading, file=file, columns=_shown(columns))
        found[name] = hits[0]
    return found


def _require(kind: str, found: Mapping[str, int], columns: tuple[str, ...], file: str) -> None:
    missing = [group for group in REQUIRED[kind] if not any(name in found for name in group)]
    if missing:
        wanted = "; ".join("/".join(KINDS[kind][group[0]].names.split()[:4]) for group in missing)
        flags = " ".join(f"--map {group[0]}=COLUMN" for group in missing)
        raise DataError(_("{file}: no column for {names} (looked for {wanted}, ...). Its columns: {columns}. Say which: {flags}."),
                        file=file, names=", ".join(group[0] for group in missing), wanted=wanted, columns=_shown(columns), flags=flags)


def _shown(columns: tuple[str, ...], most: int = 30) -> str:
    return ", ".join(columns[:most]) + (", ..." if len(columns) > most else "")
