"""The notice to customers (告知书): who handles their data, why, by which criteria, and their rights.

PIPL Art. 17 (content of the notice), 24 (automated decisions), 44 to 50 (rights); GDPR Art. 13, 15 to 22, 77.
"""

import pandas as pd

from crcm_lib.reporting.documents import chinese_terms as terms
from crcm_lib.reporting.documents.document_parts import (
    BLANK,
    Document,
    Facts,
    Part,
    choose,
    either,
    list_processing,
    name,
    name_columns,
    share,
)


def write_notice(facts: Facts, language: str) -> Document:
    """The notice with the company's actual criteria, rights and address; open lines are the company's."""
    privacy, w = facts.policy.privacy, choose(language)
    who = either(privacy.controller, language)
    return Document(
        w("How we classify our customers: notice", "客户分级告知书"),
        w(
            f"{who} sorts customers into tiers, to give attention where it is needed. This notice says "
            f"how, and what "
            "you may ask for (PIPL Art. 17 and 24; GDPR Art. 13 and 22).",
            f"{who}对客户进行分级，以便把服务和关注用在需要的地方。本告知书说明如何分级以及您享有的权利"
            "（《个人信息保护法》第十七条、第二十四条；GDPR 第13条、第22条）。",
        ),
        (
            _write_who(facts, language),
            _write_data(facts, language),
            _write_criteria(facts, language),
            _write_effects(facts, language),
            _write_rights(facts, language),
        ),
    )


def _write_who(facts: Facts, language: str) -> Part:
    privacy, w = facts.policy.privacy, choose(language)
    rows = (
        (w("who handles your data", "个人信息处理者"), either(privacy.controller, language)),
        (w("how to reach us about it", "联系方式"), either(privacy.contact, language)),
        (
            w("who answers for it here", "负责部门或岗位"),
            either(privacy.officer or facts.policy.owner, language),
        ),
        (w("why", "处理目的"), w(facts.policy.goal, facts.policy.goal_zh or facts.policy.goal)),
        (w("who receives it", "接收方"), BLANK[language]),
        (w("whether it leaves the country", "是否出境"), BLANK[language]),
    )
    return Part(w("Who, and why", "处理者与目的"), rows=rows)


def _write_data(facts: Facts, language: str) -> Part:
    w, rows = choose(language), []
    for part, words in list_processing(facts, language, _write_basis):
        days = part["retention_days"].dropna()
        kept = BLANK[language] if days.empty else w(f"{days.max():,.0f} days", f"{days.max():,.0f} 天")
        rows.append((*words, kept))
    head = (
        w("kind of data", "信息种类"),
        w("which", "具体字段"),
        w("purpose", "处理目的"),
        w("lawful ground", "合法性基础"),
        w("kept for", "保存期限"),
    )
    return Part(
        w("Which data, on which ground, for how long", "信息种类、合法性基础与保存期限"),
        head=head if rows else (),
        rows=tuple(rows),
    )


def _write_basis(basis: str, is_confirmed: bool, language: str) -> str:
    """The ground as the company has confirmed it; else an open line: customers read no proposal."""
    return terms.BASES[basis][language == "zh"] if is_confirmed and not pd.isna(basis) else BLANK[language]


def _write_criteria(facts: Facts, language: str) -> Part:
    policy, w = facts.policy, choose(language)
    rows = tuple(
        (
            name(each, language),
            share(policy.weights[each.name]),
            w(", ", "、").join(w(one.name, one.zh or one.name) for one in each.indicators),
        )
        for each in policy.criteria
    )
    tiers = w(", ", "、").join(
        tier.zh or tier.name if language == "zh" else tier.name for tier in policy.tiers
    )
    words = (
        w(
            f"A program adds up points from 0 to 100 by the criteria below and proposes one of the tiers: "
            f"{tiers}.",
            f"由程序按以下标准计算 0～100 分的得分，并建议一个等级：{tiers}。",
        ),
        w(
            f"Never used for it: {name_columns(policy.fairness.protected, language)}.",
            f"下列信息不用于评分：{name_columns(policy.fairness.protected, language)}。",
        ),
    )
    head = (w("criterion", "标准"), w("weight", "权重"), w("from", "依据的指标"))
    return Part(w("By which criteria", "分级标准"), words, head, rows)


def _write_effects(facts: Facts, language: str) -> Part:
    w = choose(language)
    rules = [action for action in facts.policy.playbook if action.terms and action.for_persons]
    words = [
        w(
            "The tier decides how often and by whom you are approached, and how fast we promise to answer.",
            "等级决定我们联系您的频率和人员，以及承诺的响应速度。",
        ),
        w(
            "Prices and other terms of natural persons do not follow from it.",
            "对自然人，价格等交易条件不因等级而不同。",
        ),
        w(
            "A worse tier comes into force only once a named person has decided, or by a rule that one "
            "has signed.",
            "下调等级须由指定人员决定，或依据其签署的规则，方可生效。",
        ),
    ]
    if rules:
        words[1] = w(
            "Of prices and other terms of natural persons these alone follow from it, for all who meet "
            "the rule: ",
            "对自然人，仅下列公开规则与等级有关，且对全体符合条件者一致适用：",
        ) + "; ".join(
            f"{name(action, language)}: {action.for_persons.disclosure}"
            for action in rules
            if action.for_persons
        )
    return Part(w("What follows from it", "分级的影响"), tuple(words))


def _write_rights(facts: Facts, language: str) -> Part:
    w = choose(language)
    rows = (
        (
            w("know and decide, restrict or refuse", "知情权、决定权，限制或拒绝处理"),
            w("PIPL Art. 44; GDPR Art. 18, 21", "《个人信息保护法》第四十四条；GDPR 第18、21条"),
        ),
        (
            w("see and copy your data, take them along", "查阅、复制、转移"),
            w("PIPL Art. 45; GDPR Art. 15, 20", "第四十五条；GDPR 第15、20条"),
        ),
        (
            w("have them corrected or completed", "更正、补充"),
            w("PIPL Art. 46; GDPR Art. 16", "第四十六条；GDPR 第16条"),
        ),
        (w("have them deleted", "删除"), w("PIPL Art. 47; GDPR Art. 17", "第四十七条；GDPR 第17条")),
        (
            w("have the rules explained", "要求解释说明处理规则"),
            w("PIPL Art. 48; GDPR Art. 13(2)(f)", "第四十八条；GDPR 第13条第2款(f)项"),
        ),
        (
            w(
                "where a decision by program alone affects you significantly: have it explained, refuse "
                "it, have a person decide",
                "对仅通过自动化决策作出、对您有重大影响的决定：要求说明、拒绝、由人工决定",
            ),
            w("PIPL Art. 24(3); GDPR Art. 22", "第二十四条第三款；GDPR 第22条"),
        ),
        (
            w(
                "marketing that is not made for you in person, or a simple way to refuse it",
                "选择不针对个人特征的营销，或以便捷方式拒绝",
            ),
            w("PIPL Art. 24(2); GDPR Art. 21(2), (3)", "第二十四条第二款；GDPR 第21条第2、3款"),
        ),
        (w("withdraw consent", "撤回同意"), w("PIPL Art. 15; GDPR Art. 7(3)", "第十五条；GDPR 第7条第3款")),
        (
            w("complain to the authority", "向监管部门投诉、举报"),
            w("PIPL Art. 65; GDPR Art. 77", "第六十五条；GDPR 第77条"),
        ),
    )
    words = w(
        f"Write to {either(facts.policy.privacy.contact, language)}. Refusing, or withdrawing consent, "
        f"takes nothing away that your contract gives you (PIPL Art. 16).",
        f"请联系：{either(facts.policy.privacy.contact, language)}。拒绝或撤回同意，"
        f"不影响您依合同享有的产品和服务（第十六条）。",
    )
    head = (w("you may", "您有权"), w("by", "依据"))
    return Part(w("What you may ask for", "您的权利"), (words,), head, rows)
