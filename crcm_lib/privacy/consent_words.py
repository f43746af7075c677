"""What people agree to or refuse, as exports write it: purposes, channels and answers as closed lists.

What is not in a list is not guessed: it is no consent. Guessing would let a misspelt objection lapse.
"""

import unicodedata
from collections.abc import Callable, Iterable

import pandas as pd

EVERYTHING = "all"  # a record that speaks of every purpose, or of one that nobody can read
PURPOSES = {
    EVERYTHING: "all any every everything allpurposes allchannels alle alles tout toutes tous todo todos "
    "全部 所有 一切 全渠道 所有渠道",
    "profiling": "profiling profile scoring segmentation personalisation personalization automateddecision "
    "automateddecisions automateddecisionmaking profilage profilbildung profilierung perfilado "
    "画像 用户画像 客户画像 畫像 个性化 个性化推荐 個性化 自动化决策 自動化決策",
    "marketing": "marketing directmarketing advertising advertisement advertisements ads promotion "
    "promotions offers werbung direktwerbung prospection publicité publicidad 营销 行銷 營銷 推广 推廣 "
    "广告 廣告 市场营销 直接营销 促销",
    "phone": "phone telephone tel call calls phonecall phonecalls telephonecalls telemarketing voice mobile "
    "telefon téléphone telephonie teléfono telefono 电话 電話 手机 手機 来电 外呼",
    "sms": "sms text textmessage textmessages textmessaging mms 短信 短訊 簡訊 短消息",
    "email": "email emails emailing newsletter newsletters electronicmail emailaddress courriel correo "
    "correoelectrónico 电子邮件 電子郵件 电邮 電郵 邮箱 电子邮箱",
    "mail": "mail mails mailing post postal postalmail letter letters directmail brief courrier "
    "邮件 郵件 信件 邮寄 信函",
    "wechat": "wechat weixin 微信 公众号 微信公众号 企业微信 小程序",
    "social": "social socialmedia whatsapp facebook instagram messenger weibo 微博 社交 社交媒体",
    "chat": "chat livechat webchat onlinechat 在线客服 聊天",
    "app": "app push apppush pushnotification pushnotifications inapp 推送 应用 应用推送 消息推送",
    "visit": "visit visits inperson facetoface fieldvisit besuch visite visita 拜访 上门 面访",
    "event": "event events veranstaltung 活动 活動",
    "campaign": "campaign campaigns kampagne campagne",
    "fax": "fax telefax 传真 傳真",
    "website": "website web online 网站 網站",
    "portal": "portal customerportal 门户",
    "store": "store shop instore 门店 門店 店内",
}
# 邮件 and "mail" are either kind of post: whoever refuses one of them refuses both.
AMBIGUOUS = {"mail": ("mail", "email")}
# What may stand around a channel's name without changing it.
FRAMES = (
    "marketing",
    "contact",
    "communication",
    "communications",
    "channel",
    "营销",
    "渠道",
    "通知",
    "联系",
)
GRANTED = (
    "granted grant yes y true t optin optedin in given agreed agree accepted accept consented consent "
    "allowed allow permitted subscribed confirmed ok ja oui si sí erteilt zugestimmt einverstanden accepté "
    "aceptado 同意 已同意 是 授权 已授权 授權 已授權 允许 允許 接受 已接受 订阅 已订阅 訂閱"
)
REFUSED = (
    "refused refuse refusal no n false f 0 optout optedout out withdrawn withdraw withdrew revoked revoke "
    "objected objects object objection denied deny declined decline rejected reject disallowed "
    "unsubscribed unsubscribe blocked stop cancelled canceled expired notgranted notgiven nein non "
    "verweigert widerrufen widersprochen abgelehnt refusé retiré rechazado retirado 拒绝 已拒绝 拒絕 撤回 "
    "已撤回 撤销 已撤销 撤銷 不同意 未同意 否 反对 反對 退订 已退订 退訂 取消 已取消 不接受 不允许"
)


def fold_word(text: str) -> str:
    """A word without case, width, blanks, hyphens and other signs.

    >>> [fold_word(text) for text in ("E-Mail", "ｏｐｔ out", " 短 信 ")]
    ['email', 'optout', '短信']
    """
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


PURPOSE_OF = {fold_word(word): purpose for purpose, words in PURPOSES.items() for word in words.split()}
ANSWER_OF = {fold_word(word): "granted" for word in GRANTED.split()} | {
    fold_word(word): "refused" for word in REFUSED.split()
}


def read_purpose(text: str) -> str | None:
    """The purpose or channel that a text names; None where it is none of the list.

    >>> [read_purpose(text) for text in ("E-Mail", "SMS marketing", "营销", "短信营销", "cookies")]
    ['email', 'sms', 'marketing', 'sms', None]
    """
    word = fold_word(text)
    if word in PURPOSE_OF:
        return PURPOSE_OF[word]
    for frame in FRAMES:
        for core in (word.removeprefix(frame), word.removesuffix(frame)):
            if core != word and core in PURPOSE_OF:
                return PURPOSE_OF[core]
    return None


def read_answer(text: str) -> str | None:
    """`granted` or `refused`; None where a text is neither.

    >>> [read_answer(text) for text in ("Opt-In", "同意", "Withdrawn", "不同意", "maybe")]
    ['granted', 'granted', 'refused', 'refused', None]
    """
    return ANSWER_OF.get(fold_word(text))


def match_ids(given: Iterable[str], known: Iterable[str]) -> pd.DataFrame:
    """Whom the ids of a consents table mean: exactly, else by what look alike.

    An id means every customer who is written with the same signs, whatever their width, with or without
    blanks around and invisible signs inside. Only where there is none, case, blanks, hyphens, and zeros in
    front of a number count for nothing either.

    Returns
    -------
    `given`, `customer_id`, `is_certain` (it means one customer only), a row per pair; no row for an id that
    means nobody.
    """
    wanted, customers = _list_unique(given), _list_unique(known)
    pairs = _pair(wanted, customers, _fold_signs)
    rest = pairs.loc[pairs["customer_id"].isna(), "given"]
    pairs = pairs.dropna()
    if len(rest):
        pairs = pd.concat([pairs, _pair(rest, customers, _fold_id).dropna()], ignore_index=True)
    exact = pairs["given"] == pairs["customer_id"]
    alone = ~pairs["given"].duplicated(keep=False)
    return pairs.assign(is_certain=exact | alone)


def _list_unique(ids: Iterable[str]) -> pd.Series:
    series = ids if isinstance(ids, pd.Series) else pd.Series(list(ids))
    return series.astype("str").drop_duplicates().reset_index(drop=True)


def _pair(given: pd.Series, known: pd.Series, fold: Callable[[pd.Series], pd.Series]) -> pd.DataFrame:
    """Every `given` with each `customer_id` that is folded to the same; missing where there is none."""
    theirs = pd.DataFrame({"given": given, "folded": fold(given)})
    ours = pd.DataFrame({"customer_id": known, "folded": fold(known)})
    return theirs.merge(ours[ours["folded"] != ""], on="folded", how="left")[["given", "customer_id"]]


def _fold_signs(ids: pd.Series) -> pd.Series:
    """Without width, blanks around and invisible signs; nearly every id stays as it is, and costs nothing."""
    odd = ids[~ids.str.fullmatch("[A-Za-z0-9]+")]
    return ids.mask(ids.index.isin(odd.index), odd.map(_fold_sign))


def _fold_sign(text: str) -> str:
    signs = unicodedata.normalize("NFKC", text)
    return "".join(sign for sign in signs if unicodedata.category(sign)[0] != "C").strip()


def _fold_id(ids: pd.Series) -> pd.Series:
    """Without case, blanks, hyphens, other signs, and zeros in front of a number or a fraction of zero."""
    signs = _fold_signs(ids).str.removesuffix(".0")
    odd = signs[~signs.str.fullmatch("[A-Za-z0-9]+")]
    words = signs.str.lower().mask(signs.index.isin(odd.index), odd.map(fold_word))
    numbers = words.str.fullmatch("0+[0-9]+")
    return words.mask(numbers, words.str.lstrip("0").replace("", "0"))


def find_latest(records: pd.DataFrame, known: Iterable[str]) -> pd.DataFrame:
    """Each customer's latest word on every purpose that they spoke of.

    Parameters
    ----------
    records
        Clean consents: `customer_id` as given, `purpose` (a key of `PURPOSES`; any other counts as
        everything), `status` (`granted`; any other counts as refused), `date` (missing: any day, so that no
        grant comes after it).
    known
        The ids of all customers.

    Returns
    -------
    `customer_id`, `purpose`, `status`, ordered by the first two; `EVERYTHING` is told purpose by purpose.
    Of a grant and a refusal of one day the refusal counts. A grant whose id could mean several customers
    counts for none of them, a refusal for all.
    """
    matched = records.rename(columns={"customer_id": "given"}).merge(
        match_ids(records["customer_id"], known), on="given"
    )
    granted = (matched["status"] == "granted") & matched["date"].notna()
    matched = matched.assign(granted=granted)[~granted | matched["is_certain"]]
    matched["purpose"] = matched["purpose"].where(matched["purpose"].isin([*PURPOSES]), EVERYTHING)
    each = matched.merge(_list_meanings(), on=["purpose", "granted"]).drop(columns="purpose")
    each = each.rename(columns={"meaning": "purpose"})
    day = pd.to_datetime(each["date"]).astype("datetime64[us]").fillna(pd.Timestamp("9999-12-31"))
    keys = [each["customer_id"], each["purpose"]]
    never = pd.Timestamp("0001-01-01")
    latest = pd.DataFrame(
        {
            "granted": day.where(each["granted"], never).groupby(keys).max(),
            "refused": day.mask(each["granted"], never).groupby(keys).max(),
        }
    )
    status = (latest["granted"] > latest["refused"]).map({True: "granted", False: "refused"})
    return status.rename("status").reset_index().astype("str")


def _list_meanings() -> pd.DataFrame:
    """What a grant or a refusal of each word speaks of: `purpose`, `granted`, `meaning`."""
    single = tuple(purpose for purpose in PURPOSES if purpose != EVERYTHING)
    rows = []
    for purpose in PURPOSES:
        own = single if purpose == EVERYTHING else (purpose,)
        rows += [(purpose, True, meaning) for meaning in own]
        rows += [(purpose, False, meaning) for meaning in AMBIGUOUS.get(purpose, own)]
    return pd.DataFrame(rows, columns=["purpose", "granted", "meaning"])
