"""What the Cybersecurity Law (网络安全法) asks, what the product does, and what the company must answer.

Articles as numbered since the amendment of 28 October 2025, in force from 1 January 2026 (Art. 21, 25 and
40 to 43 before are Art. 23, 27 and 42 to 45).
"""

from crcm_lib.reporting.documents.document_parts import BLANK, Document, Facts, Part, choose, either


def write_checklist(facts: Facts, language: str) -> Document:
    """The checklist: article, duty, what the product does, what the company answers."""
    w, blank, privacy = choose(language), BLANK[language], facts.policy.privacy
    of_old = w("before 2026: Art. ", "2026年前：第")
    rows = (
        (
            w(f"Art. 23 ({of_old}21)", f"第二十三条（{of_old}二十一条）"),
            w(
                "graded protection: the system has its grade; rules and a person who answers for security",
                "网络安全等级保护：系统定级；制定内部安全管理制度，确定网络安全负责人",
            ),
            w(
                "nothing: the product is a program, not the system it runs on",
                "无：产品是软件，不是其所在的信息系统",
            ),
            w("grade, filing number, person: ", "等级、备案号、负责人：") + blank,
        ),
        (
            w(f"Art. 23 ({of_old}21)", f"第二十三条（{of_old}二十一条）"),
            w("measures against viruses, attacks and intrusion", "防范病毒、网络攻击和侵入的技术措施"),
            w(
                "pages ask no server for anything and run no code of the data; dependencies are pinned by "
                "hash",
                "页面不请求任何服务器，不执行数据中的代码；依赖包按哈希值锁定",
            ),
            blank,
        ),
        (
            w(f"Art. 23 ({of_old}21)", f"第二十三条（{of_old}二十一条）"),
            w(
                "record of operation and incidents; network logs kept for six months at least",
                "监测、记录网络运行状态和安全事件；网络日志留存不少于六个月",
            ),
            w(
                "run.json of each run: inputs, code, policy and results by hash, with a seal; `crcm run "
                "--log-json` for the log. Network logs are not the product's",
                "每次运行的 run.json 以哈希值记录输入、代码、制度和结果，并加封；crcm run --log-json "
                "输出日志。网络日志不由产品产生",
            ),
            w("where logs are kept, for how long: ", "日志保存位置与期限：") + blank,
        ),
        (
            w(f"Art. 23 ({of_old}21)", f"第二十三条（{of_old}二十一条）"),
            w("data classified; important data backed up and encrypted", "数据分类，重要数据备份和加密"),
            w(
                "data inventory beside this page; files with ids are readable by their owner only; "
                "workbooks can be saved encrypted (`crcm export --encrypt`)",
                "本页旁附数据清单；含真实编号的文件仅所有者可读；名单可加密导出（crcm export --encrypt）",
            ),
            w("backup, encryption of disks: ", "备份、磁盘加密：") + blank,
        ),
        (
            w(f"Art. 27 ({of_old}25)", f"第二十七条（{of_old}二十五条）"),
            w(
                "plan for security incidents; acted on and reported when one happens",
                "制定网络安全事件应急预案；发生事件时立即启动并报告",
            ),
            w(
                "`crcm verify` shows whether a published run was changed",
                "crcm verify 可查验已发布的运行是否被改动",
            ),
            w("plan, who reports to whom: ", "预案、报告流程：") + blank,
        ),
        (
            w(f"Art. 42 ({of_old}40)", f"第四十二条（{of_old}四十条）"),
            w(
                "user information kept confidential, with rules for its protection; the Civil Code and "
                "the PIPL hold too",
                "对收集的用户信息严格保密，建立健全保护制度；同时遵守《民法典》和《个人信息保护法》",
            ),
            w(
                "keyed pseudonyms on pages, small groups hidden, leak gate before publication",
                "页面使用带密钥的假名，隐藏小分组，发布前进行泄露检查",
            ),
            w("rules, who may see private folders: ", "保护制度、内部文件夹的查看权限：") + blank,
        ),
        (
            w(f"Art. 43 ({of_old}41)", f"第四十三条（{of_old}四十一条）"),
            w(
                "lawful, proper, necessary; purpose, way and scope made public; consent",
                "合法、正当、必要；公开规则，明示目的、方式和范围；经同意",
            ),
            w(
                "policy page, inventory and notice to customers, in two languages; consents are read and "
                "kept to",
                "生成中英文制度页、数据清单和告知书；读取并遵守客户的同意与拒绝",
            ),
            w("notice given on, how: ", "告知时间与方式：") + blank,
        ),
        (
            w(f"Art. 44 ({of_old}42)", f"第四十四条（{of_old}四十二条）"),
            w(
                "no disclosure, falsification or loss; none given to others without consent; told to "
                "users and the authority if it happens",
                "不得泄露、篡改、毁损；未经同意不得向他人提供；发生时及时告知用户并报告主管部门",
            ),
            w(
                "the product sends nothing to anybody; the seal shows changes",
                "产品不向任何人发送数据；封印可显示改动",
            ),
            w("recipients, processors, contact of the authority: ", "接收方、受托方、主管部门联系方式：")
            + blank,
        ),
        (
            w(f"Art. 45 ({of_old}43)", f"第四十五条（{of_old}四十三条）"),
            w(
                "persons may ask for deletion of what breaks law or agreement, and for correction",
                "个人有权要求删除违法违约收集使用的信息，并更正错误信息",
            ),
            w(
                "`crcm forget` removes a customer from all runs and from later ones; corrections are made "
                "in the source",
                "crcm forget 将客户从所有运行及后续运行中删除；更正在数据源中进行",
            ),
            w("address for requests: ", "受理地址：") + either(privacy.contact, language),
        ),
    )
    head = (
        w("article", "条款"),
        w("what it asks", "要求"),
        w("what the product does", "产品已做到"),
        w("what the company answers", "公司须自行说明"),
    )
    lead = w(
        "Cybersecurity Law as amended on 28 October 2025, in force from 1 January 2026. No legal advice: "
        "whether an "
        "article applies to the company, and whether more laws do (Data Security Law, PIPL), is for counsel.",
        "依据2025年10月28日修改、自2026年1月1日起施行的《网络安全法》。本文件不构成法律意见；"
        "条款是否适用、是否另有法律（《数据安全法》《个人信息保护法》）适用，请咨询法律顾问。",
    )
    title = w("Cybersecurity Law: checklist", "《网络安全法》自查清单")
    return Document(
        title, lead, (Part(w("Duties of network operators", "网络运营者的义务"), head=head, rows=rows),)
    )
