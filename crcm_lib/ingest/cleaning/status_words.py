"""Words by which a status says that a record is no sale: cancelled, unpaid, refunded, a draft, a test.

Exports write them in a column that a description may leave unread; then they count as revenue.
"""

import re
from collections.abc import Iterable

# As they are compared: in small letters; for a blank there may be `_` or `-`, and `wc-` before all.
NO_SALE = {
    "void": (
        *("void", "voided", "annulled", "deleted", "trash", "trashed", "removed", "invalid"),
        *("作废", "已作废", "無效", "无效", "已删除", "ungültig", "annulé", "annulée", "anulado", "anulada"),
    ),
    "cancelled": (
        *("cancelled", "canceled", "cancel", "aborted", "abandoned", "order cancelled", "order canceled"),
        *(
            "取消",
            "已取消",
            "交易取消",
            "订单取消",
            "交易关闭",
            "已关闭",
            "订单关闭",
            "关闭",
            "撤销",
            "已撤销",
            "终止",
        ),
        *("storniert", "abgebrochen", "cancelado", "cancelada", "cancellato"),
    ),
    "draft": (
        *("draft", "checkout draft", "auto draft", "test", "testing", "test order", "quotation", "quote"),
        *(
            "quotation sent",
            "not issued",
            "草稿",
            "测试",
            "测试订单",
            "報價",
            "报价",
            "entwurf",
            "brouillon",
            "borrador",
        ),
    ),
    "unpaid": (
        *(
            "unpaid",
            "not paid",
            "pending",
            "pending payment",
            "payment pending",
            "awaiting payment",
            "failed",
        ),
        *("on hold", "authorized", "authorised", "expired", "declined", "denied", "rejected", "blocked"),
        *(
            "requires payment method",
            "requires action",
            "incomplete",
            "payment failed",
            "payment error",
            "error",
        ),
        *(
            "待付款",
            "等待买家付款",
            "等待付款",
            "未付款",
            "待支付",
            "未支付",
            "支付失败",
            "付款失败",
            "失败",
            "已过期",
        ),
        *("待审核", "未审核", "审核中", "未审批", "审批中", "已驳回", "驳回", "拒绝"),
        *("unbezahlt", "ausstehend", "fehlgeschlagen", "impayé", "en attente", "pendiente", "no pagado"),
    ),
    "refunded": (
        *(
            "refunded",
            "fully refunded",
            "refund",
            "returned",
            "chargeback",
            "charged back",
            "disputed",
            "reversed",
        ),
        *(
            "已退款",
            "退款成功",
            "全额退款",
            "已退货",
            "退货退款",
            "已全额退款",
            "erstattet",
            "remboursé",
            "reembolsado",
        ),
    ),
}
# Words of the same columns for what is a sale: a column of such words is one of statuses, whatever its name.
SALE = (
    *(
        "paid",
        "completed",
        "complete",
        "processing",
        "processed",
        "confirmed",
        "approved",
        "accepted",
        "open",
    ),
    *("closed", "done", "shipped", "partially shipped", "unshipped", "delivered", "fulfilled", "unfulfilled"),
    *(
        "partially fulfilled",
        "partially paid",
        "partially refunded",
        "invoiced",
        "sent",
        "success",
        "succeeded",
    ),
    *("successful", "settled", "captured", "posted", "dispatched", "sales order", "sale", "ok", "active"),
    *(
        "已付款",
        "已支付",
        "付款成功",
        "支付成功",
        "买家已付款",
        "交易成功",
        "成功",
        "已完成",
        "完成",
        "已发货",
        "待发货",
    ),
    *(
        "卖家已发货",
        "已签收",
        "已收货",
        "待收货",
        "已确认",
        "部分退款",
        "部分发货",
        "已审核",
        "已审批",
        "正常",
        "有效",
    ),
    *(
        "bezahlt",
        "abgeschlossen",
        "versendet",
        "geliefert",
        "payé",
        "terminé",
        "expédié",
        "pagado",
        "completado",
    ),
)
# A pending invoice is owed, and a contract that was cancelled was one.
OF_TABLE = {
    "transactions": tuple(NO_SALE),
    "invoices": ("void", "cancelled", "draft"),
    "contracts": ("void", "draft"),
}
STATUS_NAME = re.compile("status|state|stage|状态|狀態|zustand|statut|estado|stato", re.IGNORECASE)
DELIVERY_NAME = re.compile("fulfil|deliver|ship|dispatch|liefer|versand|物流|发货|配送|收货", re.IGNORECASE)
# A status of these says nothing of a sale, unless the name speaks of the sale as well.
OTHER_NAME = re.compile(
    "customer|client|member|account|user|subscri|mail|newsletter|consent|marketing|ticket|客户|会员|用户|营销|工单",
    re.IGNORECASE,
)
SALE_NAME = re.compile("order|payment|transaction|invoice|financial|订单|交易|付款|支付|发票", re.IGNORECASE)
KNOWN_SHARE = 0.9  # of the filled records: a column of other name with so many known words is one of statuses


def _spell(word: str) -> set[str]:
    """The ways to write a word: with `_` or `-` for a blank, and as WooCommerce stores it."""
    forms = {word, word.replace(" ", "_"), word.replace(" ", "-")}
    return forms | {f"wc-{form}" for form in forms if form.isascii()}


GROUP_OF = {form: group for group, words in NO_SALE.items() for word in words for form in _spell(word)}
KNOWN = {form for word in SALE for form in _spell(word)} | set(GROUP_OF)


def find_status_words(name: str, counts: dict[str, int], groups: Iterable[str]) -> list[str]:
    """The words in a column by which records are no sale, in the order of the alphabet.

    Parameters
    ----------
    name
        The column's name.
    counts
        Records by text, in small letters without blanks around it.
    groups
        Keys of `NO_SALE`.

    >>> find_status_words("Financial Status", {"paid": 90, "voided": 3, "see note": 9}, NO_SALE)
    ['voided']
    >>> find_status_words("Product", {"test": 3, "mug": 90}, NO_SALE)
    []
    """
    if OTHER_NAME.search(name) and not SALE_NAME.search(name):
        return []
    known = sum(count for text, count in counts.items() if text in KNOWN)
    if not STATUS_NAME.search(name) and known < KNOWN_SHARE * sum(counts.values()):
        return []
    meant = set(groups) & {"void", "cancelled"} if DELIVERY_NAME.search(name) else set(groups)
    return sorted(text for text in counts if GROUP_OF.get(text) in meant)
