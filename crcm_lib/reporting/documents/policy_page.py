"""The policy as a page (客户分级管理制度): what a manager signs, with the borders in force."""

from collections.abc import Iterator, Mapping
from typing import Any

from crcm_lib.config.criteria_catalogue import list_criteria
from crcm_lib.config.governance_policy import OBJECTIVES_ZH
from crcm_lib.config.policy import Action, Condition, Policy, Tier
from crcm_lib.decisions.review_dates import list_dates
from crcm_lib.decisions.scorecard import Cutoff
from crcm_lib.reporting.documents import chinese_terms as terms
from crcm_lib.reporting.documents.document_parts import (
    Document,
    Facts,
    Part,
    choose,
    name,
    name_columns,
    number,
    share,
    why,
)

PRIVATE_KEYS = ("privacy.contact",)  # stands in the notice; a mailbox of the company on no other page


def write_policy(facts: Facts, language: str) -> Document:
    """The policy as its run kept it: goal, weights, borders, rules, differences, dates, and all keys."""
    w = choose(language)
    makers = (
        _write_goal,
        _write_weights,
        _write_indicators,
        _write_tiers,
        _write_moves,
        _write_differences,
        _write_service,
        _write_limits,
        _write_fairness,
        _write_others,
        _write_dates,
        _write_settings,
    )
    return Document(
        w("Classification policy", "客户分级管理制度"),
        w(
            "Generated from the policy that this run followed; the borders are those that it learned.",
            "由本次运行所依据的制度文件自动生成；等级界限为本次运行所确定。",
        ),
        tuple(make(facts, language) for make in makers),
    )


def _write_goal(facts: Facts, language: str) -> Part:
    policy, w = facts.policy, choose(language)
    objective = policy.objective or w("none", "未设定")
    if policy.objective and language == "zh":
        objective = OBJECTIVES_ZH[policy.objective]
    margin = w("from the data's cost, else spend is shown", "取自数据中的成本；无成本时以采购额计")
    rows = [
        (w("goal", "目的"), w(policy.goal, policy.goal_zh or policy.goal)),
        (w("objective", "当前目标"), str(objective)),
        (w("version", "版本"), str(policy.version)),
        (w("owner, who approves it", "负责人（批准人）"), policy.owner),
        (w("to be reviewed by", "复审期限"), str(policy.review_by)),
        (
            w("value is predicted over", "价值预测期"),
            w(f"{policy.horizon_days} days", f"{policy.horizon_days} 天"),
        ),
        (w("annual discount rate", "年折现率"), share(policy.annual_discount_rate)),
        (
            w("margin per unit of spend", "毛利率"),
            margin if policy.margin_rate is None else share(policy.margin_rate),
        ),
        (w("currency", "币种"), facts.currency if policy.currency == "source" else policy.currency),
        (
            w("run, last day known", "运行编号、统计截止日"),
            f"{facts.run.get('run', '')}, {facts.run.get('as_of', '')}",
        ),
    ]
    return Part(w("Goal and who answers for it", "目的与责任"), rows=tuple(rows))


def _write_weights(facts: Facts, language: str) -> Part:
    policy, w = facts.policy, choose(language)
    in_force, factors = policy.weights, policy.emphasis.multipliers
    rows = tuple(
        (
            name(each, language),
            share(each.weight),
            f"× {number(factors.get(each.name, 1.0))}",
            share(in_force[each.name]),
            number(each.terms_from),
        )
        for each in policy.criteria
    )
    words = [
        w(
            "The score from 0 to 100 is the weighted mean of the criteria. What the data do not have is left "
            "out, and its weight is spread over the rest in proportion.",
            "客户得分为 0～100 分，是各项标准的加权平均。数据中没有的指标不计入，"
            "其权重按比例分摊到其余指标。",
        )
    ]
    for objective, emphasis in policy.objectives.items():
        named = {each.name: name(each, language) for each in policy.criteria}
        said = w(", ", "、").join(
            f"{named[key]} × {number(value)}" for key, value in emphasis.multipliers.items()
        )
        cards = [w(each, terms.CARDS[each]) for each in emphasis.cards]
        first = w(", ", "、").join([*cards, *emphasis.answers])
        words.append(
            w(
                f"Objective {objective}: multiplies {said or 'nothing'}; first on the first page: "
                f"{first or '–'}.",
                f"目标“{OBJECTIVES_ZH[objective]}”：权重乘数 {said or '无'}；首页优先显示：{first or '–'}。",
            )
        )
    head = (
        w("criterion", "标准"),
        w("weight", "权重"),
        w("by the objective", "目标乘数"),
        w("weight in force", "生效权重"),
        w("terms only from, points", "享受价格和信用条件的最低分"),
    )
    return Part(w("Criteria and weights", "分级标准与权重"), tuple(words), head, rows)


def _write_indicators(facts: Facts, language: str) -> Part:
    w, rows = choose(language), []
    named = {each.name: name(each, language) for each in facts.policy.criteria}
    for row in list_criteria(facts.policy).to_dict("records"):
        meaning = terms.MEANINGS.get(row["source"], row["definition"])
        unit = terms.UNITS.get(row["unit"], row["unit"])
        shown = row["zh"] or row["indicator"]
        rows.append(
            (
                named[row["criterion"]],
                w(row["indicator"], shown),
                w(row["definition"], meaning),
                w(row["unit"], unit),
                terms.BETTER[row["better"]][language == "zh"],
                row["source"],
                share(row["weight"]),
            )
        )
    head = (
        w("criterion", "标准"),
        w("indicator", "指标"),
        w("what it is", "定义"),
        w("unit", "单位"),
        w("better", "方向"),
        w("source", "来源"),
        w("weight in the score", "占总分权重"),
    )
    return Part(w("Indicators", "指标"), head=head, rows=tuple(rows))


def _write_tiers(facts: Facts, language: str) -> Part:
    w = choose(language)
    rows = tuple(
        (name(tier, language), *_write_conditions(tier, facts, language), why(tier, language))
        for tier in facts.policy.tiers
    )
    words = w(
        "Read from the best: the first tier whose condition holds is proposed. Borders are learned from "
        "all who "
        "have bought, and kept, so that equal points give equal tiers.",
        "自上而下判断，客户取第一个满足条件的等级。界限由全部有购买记录的客户得出并予以固定，"
        "得分相同则等级相同。",
    )
    head = (
        w("tier", "等级"),
        w("condition", "条件"),
        w("border in force, points", "生效界限（分）"),
        w("because", "理由"),
    )
    return Part(w("Tiers and their borders", "等级与界限"), (words,), head, rows)


def _write_conditions(tier: Tier, facts: Facts, language: str) -> tuple[str, str]:
    w = choose(language)
    if not tier.when:
        return w("everyone else", "其余客户"), "–"
    cutoffs: Mapping[str, Cutoff] = facts.model.cutoffs[0].get(tier.name, {}) if facts.model else {}
    asked = [_write_condition(key, each, language) for key, each in tier.when.items()]
    borders = [_write_border(key, cutoffs.get(key), language) for key in tier.when]
    return w(" and ", "，且").join(asked), "; ".join(borders)


def _write_condition(key: str, asked: Condition, language: str) -> str:
    w = choose(language)
    key = w(key, terms.CRITERIA.get(key, key))
    if asked.top_share is not None:
        return w(f"{key} among the best {share(asked.top_share)}", f"{key}位于前 {share(asked.top_share)}")
    bounds = []
    if asked.at_least is not None:
        bounds.append(w(f"from {number(asked.at_least)} points", f"不低于 {number(asked.at_least)} 分"))
    if asked.below is not None:
        bounds.append(w(f"below {number(asked.below)} points", f"低于 {number(asked.below)} 分"))
    return f"{key} {', '.join(bounds)}"


def _write_border(key: str, cutoff: Cutoff | None, language: str) -> str:
    w = choose(language)
    key = w(key, terms.CRITERIA.get(key, key))
    if cutoff is None:
        return f"{key}: {w('not known', '未知')}"
    if cutoff.at_least is None:
        return f"{key}: {w('at present nobody reaches it', '目前无人达到')}"
    upper = "" if cutoff.below is None else f" – {cutoff.below:.1f}"
    return f"{key}: {cutoff.at_least:.1f}{upper}"


def _write_moves(facts: Facts, language: str) -> Part:
    rules, w = facts.policy.approvals, choose(language)
    lines = [
        w(
            f"A tier in force changes only where the points lie {number(rules.margin)} beyond a border, "
            f"or the "
            "score has moved as far, in two runs in a row. A move up then counts by itself; a move down "
            "waits "
            f"for a named person, {rules.undecided_days} days at most, and then lapses.",
            f"得分须连续两次运行超出界限 {number(rules.margin)} 分，或自生效以来变动达到该分数，"
            f"生效等级才会调整。"
            f"上调自动生效；下调须由指定人员审批，最长等待 {rules.undecided_days} 天，逾期失效。",
        ),
        w(
            f"What a person has set or kept holds for {rules.decision_days} days, where the decision "
            f"names no day.",
            f"人工指定或保留的等级，决定中未注明期限的，有效期为 {rules.decision_days} 天。",
        ),
    ]
    rows = tuple(
        (f"{each.before} → {each.after}", each.because, each.by, str(each.day), str(each.until))
        for each in rules.rules
    )
    head = (
        w("move", "变更"),
        w("because", "理由"),
        w("signed by", "批准人"),
        w("day", "日期"),
        w("until", "有效期至"),
    )
    return Part(w("How a tier changes", "等级调整规则"), tuple(lines), head if rows else (), rows)


def _write_differences(facts: Facts, language: str) -> Part:
    policy, w = facts.policy, choose(language)
    everybody = {tier.name for tier in policy.tiers}
    unequal = [each for each in policy.playbook if set(each.tiers) != everybody or each.terms]
    rows = tuple(_write_difference(each, policy, language) for each in unequal)
    head = (
        w("what", "措施"),
        w("lever", "手段"),
        w("which tiers", "适用等级"),
        w("price or credit terms", "价格或信用条件"),
        w("because", "理由"),
        w("approved by", "批准人"),
        w("from, until", "起止日期"),
    )
    words = w(
        "What some customers get and others do not, with the reason. Who gets terms is listed customer by "
        "customer in the private table terms_register. Of natural persons nobody gets other prices than a "
        "published rule gives to all who meet it (PIPL Art. 24).",
        "以下为部分客户享有、其他客户不享有的待遇及其理由。享受价格和信用条件的客户逐一登记在内部表 "
        "terms_register 中。"
        "对自然人，除面向全体符合条件者公开的规则外，"
        "不在价格等交易条件上实行差别待遇（《个人信息保护法》第二十四条）。",
    )
    return Part(w("Who gets what others do not", "差别待遇及理由"), (words,), head, rows)


def _write_difference(action: Action, policy: Policy, language: str) -> tuple[str, ...]:
    w, rule = choose(language), action.for_persons
    of_tiers = {tier.name: name(tier, language) for tier in policy.tiers}
    kind = w("no", "否")
    if action.terms:
        kind = w("companies only", "仅限企业客户")
    if rule is not None:
        kind = w(f"by a published rule: {rule.disclosure}", f"公开规则：{rule.disclosure}")
    return (
        name(action, language),
        w(action.lever, terms.LEVERS[action.lever]),
        w(", ", "、").join(of_tiers.get(each, each) for each in action.tiers),
        kind,
        why(action, language),
        rule.approver if rule else policy.owner,
        f"{rule.start} – {rule.end}" if rule else "–",
    )


def _write_service(facts: Facts, language: str) -> Part:
    w = choose(language)
    rows = tuple(
        (
            tier,
            number(each.first_response_hours),
            number(each.resolution_hours),
            share(each.reached),
            number(each.satisfaction_floor),
        )
        for tier, each in facts.policy.service_levels.items()
    )
    head = (
        w("tier", "等级"),
        w("first response, hours", "首次响应（小时）"),
        w("resolution, hours", "解决时限（小时）"),
        w("share of tickets that keep it", "达标率"),
        w("lowest mean satisfaction", "满意度底线"),
    )
    none = () if rows else (w("Nothing is promised.", "未作承诺。"),)
    return Part(w("Service levels", "服务等级"), none, head if rows else (), rows)


def _write_limits(facts: Facts, language: str) -> Part:
    policy, w = facts.policy, choose(language)
    none, money = w("no limit", "不限"), facts.currency
    rows = [(w(f"in all, {money}", f"总额（{money}）"), number(policy.budget.total, none))]
    rows += [
        (w(f"{key}, {money}", f"{terms.LEVERS[key]}（{money}）"), number(most))
        for key, most in policy.budget.levers.items()
    ]
    rows += [
        (w(f"tier {key}, {money}", f"等级 {key}（{money}）"), number(most))
        for key, most in policy.budget.tiers.items()
    ]
    rows += [
        (w(f"{key}, hours", f"{key}（工时）"), number(most)) for key, most in policy.budget.hours.items()
    ]
    rows += [
        (
            w("contacts of one customer in a plan, at most", "每位客户每次计划的最多联系次数"),
            str(policy.contact.max_contacts),
        ),
        (
            w("days without approach after a contact or complaint", "联系或投诉后的静默天数"),
            str(policy.contact.quiet_days),
        ),
        (w("left out of an action as controls, at least", "对照组比例下限"), share(policy.control.share)),
        (w("left out of the whole programme", "整体对照组比例"), share(policy.control.holdout_share)),
    ]
    return Part(w("Budget, contacts and control groups", "预算、联系上限与对照组"), rows=tuple(rows))


def _write_fairness(facts: Facts, language: str) -> Part:
    fair, w = facts.policy.fairness, choose(language)
    rows = (
        (w("never scored", "不得用于评分"), name_columns(fair.protected, language)),
        (w("compared between tiers", "按等级比较公平性"), name_columns(fair.audit, language)),
        (
            w("groups smaller than this are hidden", "低于此人数的分组不予显示"),
            str(facts.policy.privacy.min_cell),
        ),
    )
    return Part(w("Fairness and privacy", "公平与隐私"), rows=rows)


def _write_others(facts: Facts, language: str) -> Part:
    policy, w = facts.policy, choose(language)
    rows = []
    if rule := policy.account_ownership:
        said = w(
            f"{rule.rule}; {rule.decided_by} decides within {rule.within_days} days",
            f"{rule.rule_zh or rule.rule}；由 {rule.decided_by} 在 {rule.within_days} 天内裁定",
        )
        rows.append((w("whose the customer is, where two claim it", "客户归属争议"), said, "–", "–"))
    for each in policy.benchmarks:
        rows.append(
            (
                each.name,
                f"{each.kpi}: {number(each.value)} {each.unit}",
                each.source,
                f"{each.day} – {each.until}",
            )
        )
    for market in policy.markets:
        outlook = w(f"outlook {number(market.outlook)} of 100", f"前景 {number(market.outlook)}（满分100）")
        reason = w(market.because, market.because_zh or market.because)
        name = w(" ".join(market.segment), market.segment[1])
        rows.append((name, f"{outlook}; {reason}", market.source, f"{market.day} – {market.until}"))
    for note in policy.region_notes:
        kind = w(note.kind, terms.NOTES[note.kind])
        said = f"{kind}: {w(note.note, note.note_zh or note.note)}"
        rows.append(
            (
                w(f"region {note.region}", f"地区 {note.region}"),
                said,
                note.source,
                f"{note.day} – {note.until}",
            )
        )
    none = () if rows else (w("The policy names none.", "制度中未列出。"),)
    head = (
        w("of what", "事项"),
        w("what it says", "内容"),
        w("source", "来源"),
        w("of, until", "日期、有效期"),
    )
    title = w("Account ownership, benchmarks, outlooks and notes", "客户归属、外部基准、行业前景与地区说明")
    return Part(title, none, head if rows else (), tuple(rows))


def _write_dates(facts: Facts, language: str) -> Part:
    w = choose(language)
    rows = tuple(
        (f"{row['day']:%Y-%m-%d}", terms.KINDS[row["kind"]][language == "zh"], row["name"], row["role"])
        for row in list_dates(facts.policy).to_dict("records")
    )
    head = (
        w("day", "日期"),
        w("what ends or is to be reviewed", "到期或待复审事项"),
        w("name", "名称"),
        w("who answers", "责任人"),
    )
    return Part(w("Dates", "日期"), head=head, rows=rows)


def _write_settings(facts: Facts, language: str) -> Part:
    w = choose(language)
    rows = tuple(list_settings(facts.policy, language))
    head = (w("key", "参数"), w("value", "取值"))
    return Part(w("Every key of the policy", "全部参数"), head=head, rows=rows, is_folded=True)


def list_settings(policy: Policy, language: str = "en") -> Iterator[tuple[str, str]]:
    """Each key of the policy and its value; an entry of a list by its name, or else its number."""
    for path, value in _flatten(policy.model_dump(mode="json"), ""):
        yield (
            path,
            choose(language)("see the notice", "见告知书")
            if path in PRIVATE_KEYS and value
            else either_value(value),
        )


def either_value(value: Any) -> str:
    """A value as the policy's file has it; "–" for none."""
    return "–" if value is None or value in ("", [], {}) else str(value)


def _flatten(content: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _flatten(value, f"{path}.{key}".lstrip("."))
    elif isinstance(content, list) and any(isinstance(entry, dict) for entry in content):
        for number_, entry in enumerate(content, 1):
            own = entry.get("name") or number_
            yield from _flatten(entry, f"{path}.{own}")
    else:
        yield path, content
