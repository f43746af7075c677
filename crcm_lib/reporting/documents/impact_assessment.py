"""The impact assessment (个人信息保护影响评估), filled in as far as the product knows, the rest left open.

Required before automated decision-making: PIPL Art. 55 no. 2; its content: Art. 56, kept for three years at
least. GDPR Art. 35(1), (3)(a); content: Art. 35(7).
"""

from crcm_lib.reporting.documents.document_parts import (
    BLANK,
    Document,
    Facts,
    Part,
    choose,
    either,
    list_processing,
    name,
    name_basis,
    name_columns,
    share,
)


def write_assessment(facts: Facts, language: str) -> Document:
    """The report of the assessment: what is done, whether it is needed, what it risks, what protects."""
    w = choose(language)
    return Document(
        w("Personal information protection impact assessment", "个人信息保护影响评估报告"),
        w(
            "PIPL Art. 55 no. 2 asks for it before automated decision-making, and Art. 56 says what it "
            "holds and "
            "that report and record are kept for at least three years; GDPR Art. 35 asks for it before "
            "systematic "
            "and extensive profiling on which decisions with legal or similarly significant effects are "
            "based. "
            "What the product knows is filled in; lines that are open are the company's. No legal advice.",
            "《个人信息保护法》第五十五条第二项要求在利用个人信息进行自动化决策前进行评估；"
            "第五十六条规定了评估内容，"
            "评估报告和处理情况记录应当至少保存三年。GDPR 第35条要求，在进行系统、"
            "广泛的画像并据此作出具有法律效力或类似重大影响的决定前进行评估。"
            "产品已知的内容已填写，空白处由公司填写。本文件不构成法律意见。",
        ),
        (
            _write_who(facts, language),
            _write_processing(facts, language),
            _write_necessity(facts, language),
            _write_risks(facts, language),
            _write_conclusion(facts, language),
        ),
    )


def _write_who(facts: Facts, language: str) -> Part:
    privacy, w = facts.policy.privacy, choose(language)
    rows = (
        (w("who handles the data", "个人信息处理者"), either(privacy.controller, language)),
        (w("who answers for personal data", "个人信息保护负责人"), either(privacy.officer, language)),
        (w("owner of the classification policy", "分级制度负责人"), facts.policy.owner),
        (w("policy, version", "制度版本"), str(facts.policy.version)),
        (
            w("run, last day known", "运行编号、统计截止日"),
            f"{facts.run.get('run', '')}, {facts.run.get('as_of', '')}",
        ),
        (w("assessed by, on", "评估人、评估日期"), BLANK[language]),
    )
    return Part(w("Who assesses what", "评估主体与对象"), rows=rows)


def _write_processing(facts: Facts, language: str) -> Part:
    policy, w = facts.policy, choose(language)
    rows = tuple(words for _part, words in list_processing(facts, language, name_basis))
    weights = w(", ", "、").join(
        f"{name(each, language)} {share(policy.weights[each.name])}" for each in policy.criteria
    )
    tiers = w(", ", "、").join(name(tier, language) for tier in policy.tiers)
    words = (
        w(f"Purpose: {policy.goal}.", f"处理目的：{policy.goal_zh or policy.goal}。"),
        w(
            f"Method: a score from 0 to 100 from the criteria {weights}; by it one of the tiers {tiers}; "
            f"by the "
            "tier, the chance of leaving and the lifecycle a plan of service, communication and marketing.",
            f"处理方式：按以下标准计算 0～100 分的得分：{weights}；据此划分等级：{tiers}；再结合等级、"
            f"流失可能性和生命周期制定服务、沟通与营销计划。",
        ),
    )
    head = (
        w("table", "表"),
        w("columns read", "读取字段"),
        w("purpose", "目的"),
        w("lawful ground", "合法性基础"),
    )
    title = w("What is done (GDPR Art. 35(7)(a))", "处理活动说明（GDPR 第35条第7款(a)项）")
    return Part(title, words, head if rows else (), rows)


def _write_necessity(facts: Facts, language: str) -> Part:
    w, fair = choose(language), facts.policy.fairness
    rows = (
        (
            w("Is the purpose lawful, justified and necessary?", "处理目的是否合法、正当、必要？"),
            w(
                "The policy states the goal; the inventory the ground of each table. Whether both hold "
                "here: ",
                "制度写明了目的，数据清单列明了各表的合法性基础。两者在本公司是否成立：",
            )
            + BLANK[language],
        ),
        (
            w("Is no more read than is needed?", "是否仅处理必要的信息？"),
            w(
                f"Never scored: {name_columns(fair.protected, language)}. 08 shows which indicators weigh "
                f"how much; "
                f"one that "
                "weighs nothing need not be collected.",
                f"以下属性不得用于评分：{name_columns(fair.protected, language)}。08 显示各指标的权重；"
                f"不起作用的指标无需收集。",
            ),
        ),
        (
            w("Would less intrusive means do?", "有无对个人影响更小的方式？"),
            w(
                "08 holds the tiers against rules of a single number (spend alone, RFM), and says where "
                "these order "
                "the future as well. The company's judgement: ",
                "08 将等级与单一指标规则（仅按采购额、RFM）比较，并说明后者何时同样有效。公司的判断：",
            )
            + BLANK[language],
        ),
    )
    title = w(
        "Purpose and method (PIPL Art. 56 no. 1; GDPR Art. 35(7)(b))",
        "目的与方式是否合法、正当、必要（《个人信息保护法》第五十六条第一项；GDPR 第35条第7款(b)项）",
    )
    return Part(title, rows=rows)


def _write_risks(facts: Facts, language: str) -> Part:
    w, policy = choose(language), facts.policy
    persons = [action for action in policy.playbook if action.terms and action.for_persons]
    none = w(
        "Natural persons get no price or credit terms by tier under this policy.",
        "本制度不按等级对自然人设置价格或信用条件。",
    )
    named = ", ".join(name(action, language) for action in persons)
    some = w(
        f"By a published rule, the same for all who meet it: {named}.",
        f"按公开规则、对全体符合条件者一致适用：{named}。",
    )
    head = (
        w("risk", "风险"),
        w("what the product does", "产品已采取的措施"),
        w("what remains, and for whom to do", "剩余风险与公司措施"),
    )
    rows = (
        (
            w(
                "Unreasonable differences in price or terms (PIPL Art. 24(1))",
                "交易价格等条件上的不合理差别待遇（第二十四条第一款）",
            ),
            some if persons else none,
            BLANK[language],
        ),
        (
            w("A wrong tier: worse service without a reason", "等级判断错误，服务无故降低"),
            w(
                "Each tier has its reason and its range; a move down waits for a named person; the "
                "customer may "
                "ask and be heard (`crcm explain`, table approvals).",
                "每个等级附有理由和不确定范围；下调须由指定人员审批；客户可要求说明并申诉（crcm explain、"
                "审批表）。",
            ),
            BLANK[language],
        ),
        (
            w("Discrimination, also by stand-ins of protected attributes", "歧视，包括借助替代变量的歧视"),
            w(
                "Protected attributes are refused by the policy's check; 08 audits tiers by group and scans "
                "indicators that stand for them.",
                "制度校验拒绝将受保护属性用于评分；08 按群体审计等级，并检查可能替代受保护属性的指标。",
            ),
            BLANK[language],
        ),
        (
            w("Disclosure or loss", "泄露或丢失"),
            w(
                f"Pages show keyed pseudonyms and hide groups below {policy.privacy.min_cell}; a gate "
                f"refuses pages "
                "with ids, addresses or numbers of phones and cards; files with ids are readable by their "
                "owner "
                "only. Storage is not encrypted by the product.",
                f"页面仅显示带密钥的假名，隐藏少于 {policy.privacy.min_cell} 人的分组；含有客户编号、"
                f"邮箱、电话或卡号的页面拒绝发布；"
                "含真实编号的文件仅所有者可读。产品本身不对存储加密。",
            ),
            w("disk encryption, access, backups: ", "磁盘加密、访问权限、备份：") + BLANK[language],
        ),
        (
            w("Unwanted marketing", "未经同意的营销"),
            w(
                "Who refused marketing gets the standard offer only; who objects to profiling is in no "
                "score; "
                f"{policy.contact.max_contacts} contacts in a plan at most.",
                f"拒绝营销的客户仅享受标准服务；反对画像的客户不参与评分；每次计划最多联系 "
                f"{policy.contact.max_contacts} 次。",
            ),
            BLANK[language],
        ),
        (
            w(
                "Sensitive data, minors under 14, transfer abroad (PIPL Art. 28–31, 38–40)",
                "敏感个人信息、不满十四周岁未成年人、出境（第二十八至三十一条、第三十八至四十条）",
            ),
            w(
                "The product does not know of any, and sends nothing anywhere.",
                "产品无法判断是否涉及；产品不向任何外部发送数据。",
            ),
            BLANK[language],
        ),
    )
    title = w(
        "Effects on persons and risks (PIPL Art. 56 nos. 2 and 3; GDPR Art. 35(7)(c) and (d))",
        "对个人权益的影响、安全风险及保护措施（《个人信息保护法》第五十六条第二、三项；GDPR "
        "第35条第7款(c)、(d)项）",
    )
    return Part(title, head=head, rows=rows)


def _write_conclusion(facts: Facts, language: str) -> Part:
    w = choose(language)
    late = int(facts.retention["overdue"].sum()) if len(facts.retention) else 0
    rows = (
        (w("records kept longer than the policy allows", "超过保存期限的记录数"), f"{late:,}"),
        (w("warnings of this run", "本次运行的警告数"), str(len(facts.run.get("warnings", [])))),
        (
            w("measures are lawful, effective and fit the risk", "保护措施合法、有效并与风险程度相适应"),
            BLANK[language],
        ),
        (
            w("the processing may begin or go on; conditions", "是否可以开始或继续处理；附加条件"),
            BLANK[language],
        ),
        (
            w(
                "where the risk stays high under the GDPR: authority consulted (Art. 36)",
                "风险仍然较高时（GDPR）：是否已事先咨询监管机构（第36条）",
            ),
            BLANK[language],
        ),
        (
            w("signed, on; kept until (three years at least)", "签字、日期；保存至（至少三年）"),
            BLANK[language],
        ),
    )
    return Part(w("Conclusion", "结论"), rows=rows)
