"""The pages, in a real browser: they ask nobody for anything, never run the data's words, and read well."""

import re
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from crcm_lib.reporting import display, kpis
from crcm_lib.reporting import pages as rendering
from crcm_lib.reporting.charts import style
from crcm_lib.reporting.takeaway import takeaway
from crcm_lib.schema import tables

IMG = "<img src=x onerror=alert(1)>"
END = "</script><script>alert(2)</script>"
LINK = "[click](javascript:alert(3))"


def make_run(**changes) -> dict:
    pages = [
        ("02_customer_profile", "02 · Customer profile — who are our customers?", "**Most** are loyal."),
        ("03_rfm", "03 · RFM — who is recent, frequent, valuable?", "Few bring much."),
        ("04_clv", "04 · Value — what will each be worth?", ""),
    ]
    run = {
        "run": "shop-2024-12-31-0123abcd",
        "status": "published",
        "title": f"A shop {IMG}",
        "source": "shop",
        "as_of": "2024-12-31",
        "currency": "CNY",
        "policy": {
            "file": "policies/mine.yaml",
            "version": 3,
            "goal": "Attention where it pays",
            "review_by": "2027-01-31",
        },
        "parameters": {"as_of": "", "seed": 0},
        "notebooks": [
            {"name": name, "title": title, "status": "completed", "seconds": 1, "headline": words}
            | {"html": f"{name}.html"}
            for name, title, words in pages
        ],
        "warnings": [f"value: {END}"],
        "not_available": ["tickets"],
    }
    return run | changes


def show(data: dict, metadata: dict | None = None):
    return nbformat.v4.new_output("execute_result", data, metadata=metadata or {}, execution_count=1)


def bundle_of(frame: pd.DataFrame) -> dict[str, str]:
    audience = display.Audience(tables.About("shop", "A shop", "2024-12-31", "2023-01-01", "CNY"), 5)
    return {
        "text/html": display.frame_to_html(frame, audience),
        "text/plain": display.frame_to_text(frame, audience),
    }


def code(source: str, *outputs, tags=(), number: int | None = 1):
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=number)
    cell.metadata["tags"] = list(tags)
    return cell


def make_notebook(*cells):
    title = (
        "# 03 · RFM — who is recent, frequent, valuable?\n\n| | |\n|---|---|\n| **Reads** | `customers` |\n"
        "| **Writes** | `rfm` |"
    )
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(title), *cells])


@pytest.fixture(scope="module")
def notebook():
    frame = pd.DataFrame(
        {
            "region": [IMG, END, "华东", "North", None],
            "spend": [None, 9.0, 1000.0, 200.0, 30.0],
            "long_text_of_the_reason": [
                "because of the many things that this customer has done for us so far"
            ]
            * 5,
        }
    )
    ax = style.new_axes()
    ax.barh([IMG, "华东"], [1, 2])
    picture, size = style.to_png(style.describe(ax, f"Spend of {IMG} and 华东."))
    text = nbformat.v4.new_markdown_cell
    return make_notebook(
        code("seed = 0", tags=["parameters"]),
        code("seed = 7", tags=["injected-parameters"]),
        text(f"## Where is spend?\n\nProse with {IMG} and {LINK} and ![x](https://example.org/x.png)."),
        code("draw(x)", show({"image/png": picture, "text/plain": size["alt"]}, {"image/png": size})),
        text("## Which regions?"),
        code("table", show(bundle_of(display.caption(frame, f"Regions {IMG}")))),
        text("## Which regions?\n\n[Value](04_clv.ipynb)"),
        code(
            "raw", show({"text/html": f"<style>p{{color:red}}</style><p onclick='alert(4)'>{IMG}{END}</p>"})
        ),
        code("script", show({"application/javascript": "alert(5)", "text/plain": "js"})),
        code("svg", show({"image/svg+xml": "<svg onload='alert(6)'/>", "text/plain": "svg"})),
        code(f"print('{END}')", nbformat.v4.new_output("stream", name="stdout", text=f"{END}\n")),
        text("## Takeaway"),
        code(
            "t",
            show(takeaway("**{who}** bring {share:.0%}.", who=IMG, share=0.5)._repr_mimebundle_()),
            tags=["headline"],
        ),
    )


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path)


def fill(folder: Path) -> Path:
    """A run's tables: 100 buyers and 10 prospects, two years of purchases."""
    ids = [f"K{n:03d}" for n in range(110)]
    customers = pd.DataFrame({"customer_id": ids, "purchases": [3] * 60 + [1] * 40 + [0] * 10}).set_index(
        "customer_id"
    )
    customers["spend_total"] = [30.0] * 60 + [10.0] * 40 + [0.0] * 10
    tables.write(customers, folder, "customer_features")
    stages = ["loyal"] * 60 + ["at risk"] * 25 + ["lost"] * 15 + ["prospect"] * 10
    stages = pd.DataFrame({"stage": stages, "reason": "came_back"}, index=customers.index)
    tables.write(stages, folder, "stages")
    value = pd.DataFrame(index=customers.index[:100])
    for column in ("expected_purchases", "expected_spend_per_purchase", "spend_expected", "value"):
        value[column] = 12_000.0
    tables.write(value.assign(model="bgnbd"), folder, "value")
    alerts = ["urgent"] * 6 + ["watch"] * 20 + ["none"] * 74
    chances = dict.fromkeys(["p_no_purchase", "p_if_active", "as_unusual_share"], 0.5)
    churn = pd.DataFrame({"alert": alerts, "value_at_risk": 100.0, "reason": "overdue"}, index=value.index)
    churn = churn.assign(silent_beyond_horizon=False, **chances)
    tables.write(churn, folder, "churn")
    placed = dict.fromkeys(
        ("tier_proposed", "tier_lowest", "tier_highest", "tier_spared", "tier_in_force"),
        ["key"] * 20 + ["regular"] * 80,
    )
    placed |= {"reason": "last_tier", "came_by": "first", "state": "agrees", "terms_withheld": False}
    tiers = pd.DataFrame(placed | {"in_force_since": pd.Timestamp("2025-12-31")}, index=value.index)
    points = dict.fromkeys(("score", "score_spared", "score_then"), [90.0] * 20 + [40.0] * 80)
    tables.write(tiers.assign(**points), folder, "tiers")
    verdict = pd.DataFrame(
        {
            "capability": ["rfm_scores", "contacts"],
            "verdict": ["yes", "limited"],
            "reason": ["customers", "table"],
            "subject": [None, IMG],
            "counted": [200, 3],
            "needed": [200, 30],
        }
    )
    tables.write(verdict, folder, "verdict")
    about = tables.About("shop", "A shop", "2024-12-31", "2023-01-01", "CNY", synthetic=True)
    tables.write_about(about, folder)
    days = pd.DataFrame({"day": pd.to_datetime(["2023-01-01", "2023-06-01", "2024-06-01", "2025-06-01"])})
    (folder / "clean").mkdir()
    lines = days.assign(purchase_day=days["day"], amount=[0.0, 1000.0, 1500.0, 9e9])
    lines.to_parquet(folder / "clean" / "transactions.parquet")
    return folder


def write(place: Path, name: str, page: str) -> str:
    (place / name).write_text(page, encoding="utf-8")
    return (place / name).as_uri()


# ---------------------------------------------------------------- without a browser


def test_a_page_is_small_and_complete(notebook):
    page = rendering.render_notebook(notebook, run=make_run())
    assert len(re.sub(r"data:image/png;base64,[^\"]+", "", page).encode()) < 60_000
    assert page.startswith("<!doctype html>\n<html lang=")
    fetched = re.findall(r"<(?:link|script|img|iframe|source|video)\b[^>]*?\s(?:src|href)=\"([^\"]*)", page)
    assert fetched
    assert all(address.startswith("data:") for address in fetched)
    assert not re.search(r"@import|url\(", page)


def test_equal_content_gives_equal_pages(notebook):
    assert rendering.render_notebook(notebook, run=make_run()) == rendering.render_notebook(
        notebook, run=make_run()
    )


def test_rendering_leaves_the_notebook_alone(notebook):
    before = nbformat.writes(notebook)
    rendering.render_notebook(notebook, run=make_run())
    assert nbformat.writes(notebook) == before


def test_headline_is_the_tagged_cells_markdown(notebook):
    assert rendering.headline(notebook).endswith("** bring 50%.")
    assert rendering.headline(make_notebook(code("1"))) == ""
    assert rendering.headline(make_notebook(code("1", tags=["headline"], number=None))) == ""


def test_headline_comes_first_and_parameters_are_folded(notebook):
    page = rendering.render_notebook(notebook, run=make_run())
    assert page.index('class="lead"') < page.index("Where is spend?</h2>")
    assert re.search(r"<summary>Parameters</summary><pre[^>]*><code>.*?seed", page)
    assert "<summary>Parameters of this run</summary>" in page
    assert '<details class="code" open' not in page


def test_links_go_to_the_pages_of_this_run(notebook):
    page = rendering.render_notebook(notebook, run=make_run())
    assert '<a href="index.html"' in page.replace('class="home" ', "")
    assert 'rel="prev" href="02_customer_profile.html"' in page
    assert 'rel="next" href="04_clv.html"' in page
    assert '<a href="04_clv.html">Value</a>' in page


def test_a_notebook_outside_a_run_renders_too(notebook):
    page = rendering.render_notebook(notebook, run={"run": "by hand"})
    assert "by hand" in page
    assert '<a rel="next"' not in page


def test_headings_with_equal_words_have_their_own_anchors(notebook):
    anchors = re.findall(r'<h2 id="([^"]+)"', rendering.render_notebook(notebook, run=make_run()))
    assert len(anchors) == len(set(anchors)) == 4


def test_a_partly_executed_notebook_shows_the_error_and_what_did_not_run():
    error = nbformat.v4.new_output(
        "error", ename="DataError", evalue=IMG, traceback=["\x1b[31mDataError\x1b[0m: " + IMG]
    )
    broken = make_notebook(code("1 / 0", error), code("later()", number=None))
    page = rendering.render_notebook(broken, run=make_run())
    assert "This notebook did not finish" in page
    assert "<strong>DataError</strong>" in page
    assert "Not run: an earlier cell failed." in page
    assert "\x1b" not in page
    assert "<img src=x" not in page


def test_a_picture_without_words_of_its_own_still_has_some():
    png = {"image/png": "iVBORw0KGgo="}
    page = rendering.render_notebook(
        make_notebook(code("a", show(png)), code("b", show(png | {"text/plain": "<Figure>"}))), run=make_run()
    )
    assert re.findall(r'alt="([^"]*)"', page) == ["A picture without a description.", "&lt;Figure&gt;"]


def test_a_page_without_any_of_its_tables_is_one_line_and_its_sections_are_folded(folder):
    notebook = make_notebook(nbformat.v4.new_markdown_cell("## What do they say?"), code("a"))
    notebook.metadata["crcm"] = {"after": [], "needs": ["tickets", "surveys"]}
    one_there = make_run(not_available=["tickets"])
    none_there = make_run(not_available=["contacts", "surveys", "tickets"])
    assert rendering.find_lacking(notebook, one_there) == []
    lacking = rendering.find_lacking(notebook, none_there)
    assert lacking == ["tickets", "surveys"]
    folded = "Nothing to show: the data have no tickets and no surveys. The empty sections</summary>"
    page = rendering.render_notebook(notebook, run=none_there)
    assert page.index(folded) < page.index("What do they say?")
    assert folded not in rendering.render_notebook(notebook, run=one_there)
    entries = [
        entry | {"lacking": lacking if n == 0 else []} for n, entry in enumerate(none_there["notebooks"])
    ]
    index = rendering.render_index(folder, none_there | {"notebooks": entries})
    assert "(no tickets and no surveys)." in index
    assert index.count('<ol class="answers">\n<li>') == 1
    assert "Without data:" not in rendering.render_index(folder, one_there)


def test_an_empty_notebook_renders():
    assert "<h1>" in rendering.render_notebook(nbformat.v4.new_notebook(), run=make_run())


def test_cards_say_the_numbers(folder):
    cards = {card.label: card for card in kpis.cards(folder, make_run())}
    assert cards["Customers"].value == "100"
    assert cards["Active customers"].value == "60"
    assert cards["Spend in 365 days"].value == "1,500"  # nothing after as_of counts
    assert cards["Spend in 365 days"].note == "▲ 50% against the year before"
    assert cards["Repeat customers"].value == "60%"
    assert (cards["Predicted value"].value, cards["Predicted value"].unit) == ("1.20 M", "CNY")
    assert cards["Spend at risk"].value == "600"


def test_a_return_lowers_the_year_of_its_sale(folder):
    file = folder / "clean" / "transactions.parquet"
    back = {"day": "2024-07-01", "purchase_day": "2023-06-01", "amount": -250.0}  # bought in the year before
    unmatched = {"day": "2024-07-02", "purchase_day": None, "amount": -100.0}
    returns = pd.DataFrame([back, unmatched]).astype(
        {"day": "datetime64[us]", "purchase_day": "datetime64[us]"}
    )
    pd.concat([pd.read_parquet(file), returns]).to_parquet(file)
    card = {card.label: card for card in kpis.cards(folder, make_run())}["Spend in 365 days"]
    assert (card.value, card.note) == ("1,400", "▲ 87% against the year before")  # 1,400 / 750


def test_no_card_tells_of_fewer_than_five_customers(folder):
    customers, stages = (tables.read(folder, name) for name in ("customer_features", "stages"))
    tables.write(customers.assign(purchases=[1] * 3 + [2] * 97 + [0] * 10), folder, "customer_features")
    stages["stage"] = ["lost"] * 2 + ["at risk"] * 30 + ["loyal"] * 68 + ["prospect"] * 10
    tables.write(stages, folder, "stages")
    cards = {card.label: card for card in kpis.cards(folder, make_run())}
    assert cards["Repeat customers"].value == "–"
    assert cards["Active customers"].value == "68"
    assert cards["Active customers"].note == "68% of customers; at risk: hidden, lost: hidden"


def test_a_handful_of_prospects_is_not_counted(folder):
    customers = tables.read(folder, "customer_features").head(103)
    tables.write(customers, folder, "customer_features")
    card = {card.label: card for card in kpis.cards(folder, make_run())}["Customers"]
    assert (card.value, card.note) == ("100", "and fewer than 5 prospects")


def test_the_card_of_stages_says_what_became_of_those_so_named_before(folder):
    note = "60% of customers; at risk: 25, lost: 15"
    assert {card.label: card for card in kpis.cards(folder, make_run())}["Active customers"].note == note
    columns = {
        "customers_then": [30, 4],
        "bought_again_share": [0.8, 0.5],
        "low": [0.6, 0.1],
        "high": [0.9, 0.9],
    }
    returns = pd.DataFrame({"stage": ["at risk", "lost"]} | columns)
    tables.write(returns.assign(day=pd.Timestamp("2025-10-02"), days=90.0), folder, "stage_returns")
    cards = {card.label: card for card in kpis.cards(folder, make_run())}
    assert cards["Active customers"].note == (
        f"{note}. Of those so named on 2025-10-02, so many bought again within 90 days: at risk: 80.0%."
    )


def test_the_cards_say_where_nobody_is_lost_and_no_alert_is_raised(folder):
    before = {card.label: card.note for card in kpis.cards(folder, make_run())}
    assert not before["Active customers"].endswith("nobody is called lost")
    assert before["Spend at risk"] == "with 6 customers under a warning or an urgent alert"
    stages = tables.read(folder, "stages").replace({"stage": {"lost": "one order"}})
    tables.write(stages, folder, "stages")
    churn = tables.read(folder, "churn").replace({"alert": {"urgent": "none"}})
    tables.write(churn, folder, "churn")
    after = {card.label: card.note for card in kpis.cards(folder, make_run())}
    assert after["Active customers"] == "75% of customers; at risk: 25; nobody is called lost"
    assert after["Spend at risk"] == "no alert is raised"


def test_cards_of_absent_tables_are_absent(folder):
    for name in ("stages", "value", "churn", "tiers", "verdict"):
        tables.table_path(folder, name).unlink()
    shutil.rmtree(folder / "clean")
    assert [card.label for card in kpis.cards(folder, make_run())] == ["Customers", "Repeat customers"]
    assert "Tiers" not in rendering.render_index(folder, make_run(warnings=[]))


def test_the_page_names_the_policy_that_it_was_made_by():
    assert ("policy", "policies/mine.yaml") in kpis.facts(make_run())


def test_an_empty_run_has_a_page(tmp_path):
    page = rendering.render_index(tmp_path, {"run": "empty"})
    assert "The run left no table" in page


def test_a_history_too_short_for_a_comparison_says_so(folder):
    days = pd.DataFrame({"day": pd.to_datetime(["2024-12-01"]), "amount": [5.0]})
    days.assign(purchase_day=days["day"]).to_parquet(folder / "clean" / "transactions.parquet")
    card = {card.label: card for card in kpis.cards(folder, make_run())}["Spend in 31 days"]
    assert (card.value, card.note) == ("5", "all the history there is")


def test_fewer_than_five_customers_have_no_numbers(folder):
    few = tables.read(folder, "customer_features").head(4)
    tables.write(few, folder, "customer_features")
    assert [card.value for card in kpis.cards(folder, make_run())] == ["fewer than 5"]


def test_small_tiers_are_hidden_and_cannot_be_computed(folder):
    tiers = tables.read(folder, "tiers")
    tiers["tier_in_force"] = ["strategic"] * 2 + ["key"] * 18 + ["regular"] * 80
    tables.write(tiers.assign(score=[40.0] * 2 + [90.0] * 18 + [99.0] * 80), folder, "tiers")
    order = ["strategic", "key", "growth", "regular"]  # the policy's, whatever the scores
    shown = kpis.tiers(folder, make_run(policy=make_run()["policy"] | {"tiers": order})).rows
    assert [bar.name for bar in shown] == ["strategic", "key", "regular"]
    assert [bar.customers for bar in shown] == ["–", "–", "80"]
    assert [bar.customers_percent for bar in shown][:2] == ["0", "0"]


def test_what_is_missing_says_why_and_is_said_once(folder):
    page = rendering.render_index(folder, make_run(warnings=[f"contacts: 3 {IMG}"]))
    assert page.count("&lt;img src=x onerror=alert(1)&gt;</td>") == 1
    assert 'id="warnings"' not in page
    assert "tickets" not in page, "the verdict speaks for the tables; they are not listed a second time"


def test_without_a_verdict_the_missing_tables_are_named(folder):
    tables.table_path(folder, "verdict").unlink()
    assert kpis.missing(folder, make_run()) == [{"part": "tickets", "available": "no", "because": ""}]


# ---------------------------------------------------------------- in Chromium


class Tab:
    """A page that remembers what it asked for and complained about."""

    def __init__(self, chromium, url: str, width: int = 1280, scheme: str = "light"):
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.page, self.asked, self.said = context.new_page(), [], []
        self.refused = {}
        self.page.on("requestfailed", lambda request: self.refused.update({request.url: request.failure}))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.goto(url)

    def column(self, number: int) -> list[str]:
        return self.page.locator(f".output table tbody td:nth-child({number})").all_inner_texts()


@pytest.fixture(scope="module")
def pages(tmp_path_factory, notebook):
    """The addresses of both kinds of page, which no browser changes."""
    folder = fill(tmp_path_factory.mktemp("pages"))
    return {
        "index": write(folder, "index.html", rendering.render_index(folder, make_run())),
        "notebook": write(folder, "03_rfm.html", rendering.render_notebook(notebook, run=make_run())),
    }


@pytest.fixture(params=["notebook", "index"])
def url(request, pages):
    return pages[request.param]


@pytest.fixture
def table_url(pages):
    return pages["notebook"]


def test_asks_for_nothing_and_complains_of_nothing(chromium, url):
    tab = Tab(chromium, url)
    tab.page.wait_for_timeout(200)
    assert tab.asked == [url]
    assert tab.said == []


def test_the_datas_words_are_shown_and_never_run(chromium, url):
    tab = Tab(chromium, url)
    assert IMG in tab.page.locator("body").inner_text()
    assert tab.page.locator("script").count() == 1
    assert (
        tab.page.locator("img[src=x], svg, [onclick], [onerror], [onload], a[href^='javascript']").count()
        == 0
    )


def test_the_policy_of_the_page_stops_what_slips_through(chromium, tmp_path, notebook):
    """Even if a hole were found in the cleaning, the browser itself refuses."""
    page = rendering.render_notebook(notebook, run=make_run())
    hole = f"<img src='https://example.org/x.png'><script>window.broken = 1</script>{IMG}"
    tab = Tab(chromium, write(tmp_path, "hole.html", page.replace("</main>", f"{hole}</main>")))
    tab.page.wait_for_timeout(200)
    assert tab.page.evaluate("window.broken") is None
    assert "https://example.org/x.png" in tab.refused
    assert set(tab.refused.values()) == {"csp"}
    assert tab.said
    assert all("Content Security Policy" in words for words in tab.said)


def test_nothing_is_wider_than_the_screen(chromium, url):
    tab = Tab(chromium, url)
    for width in (320, 360, 390, 640, 768, 1024, 1280, 1920):
        tab.page.set_viewport_size({"width": width, "height": 800})
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


def test_wide_tables_scroll_by_themselves(chromium, table_url):
    tab = Tab(chromium, table_url, width=360)
    assert tab.page.evaluate(
        "(e => e.scrollWidth > e.clientWidth)(document.querySelector('.output .scroll'))"
    )


def test_sorts_by_click_numbers_by_value_and_the_missing_last(chromium, table_url):
    tab = Tab(chromium, table_url)
    head = tab.page.locator(".output table th", has_text="spend")
    assert tab.column(2) == ["–", "9", "1,000", "200", "30"]
    head.click()
    assert tab.column(2) == ["1,000", "200", "30", "9", "–"]
    assert head.get_attribute("aria-sort") == "descending"
    head.click()
    assert tab.column(2) == ["9", "30", "200", "1,000", "–"]
    assert head.get_attribute("aria-sort") == "ascending"
    assert tab.column(1)[0] == END  # rows move as a whole


def test_sorts_by_keyboard(chromium, table_url):
    tab = Tab(chromium, table_url)
    heads = tab.page.locator(".output table th")
    heads.nth(0).locator("button").focus()
    tab.page.keyboard.press("Enter")
    assert tab.column(1)[-1] == "–"
    assert sorted(tab.column(1)[:-1]) == sorted([IMG, END, "华东", "North"])
    assert heads.nth(0).get_attribute("aria-sort") == "ascending"
    before = tab.column(1)
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Space")
    assert heads.nth(0).get_attribute("aria-sort") is None
    assert heads.nth(1).get_attribute("aria-sort") == "descending"
    assert tab.column(1) != before


def test_every_link_of_the_contents_leads_to_its_part(chromium, url):
    tab = Tab(chromium, url)
    links = tab.page.locator(".contents a")
    assert links.count() >= 4
    for link in links.all():
        link.click()
        tab.page.wait_for_timeout(50)
        name = tab.page.evaluate("decodeURIComponent(location.hash.slice(1))")
        assert tab.page.evaluate("name => document.getElementById(name)?.tagName", name) == "H2"


def test_contents_are_open_on_a_desk_and_closed_on_a_phone(chromium, url):
    assert Tab(chromium, url).page.locator(".contents").get_attribute("open") is not None
    phone = Tab(chromium, url, width=360)
    assert phone.page.locator(".contents").get_attribute("open") is None
    phone.page.locator(".contents summary").click()
    assert phone.page.locator(".contents a").first.is_visible()


def test_all_code_opens_and_folds_at_once(chromium, table_url):
    tab = Tab(chromium, table_url)
    total, opened = tab.page.locator("details.code"), tab.page.locator("details.code[open]")
    assert opened.count() == 0
    tab.page.locator(".codes").click()
    assert opened.count() == total.count() > 5
    assert tab.page.locator(".codes").inner_text() == "Fold all code"
    tab.page.locator(".codes").click()
    assert opened.count() == 0


def test_dark_and_light_are_different_and_both_have_contrast(chromium, url):
    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        lit = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * lit[0] + 0.7152 * lit[1] + 0.0722 * lit[2]

    seen = {}
    for scheme in ("light", "dark"):
        page = Tab(chromium, url, scheme=scheme).page
        ground = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for query in ("body", ".eyebrow", ".contents a", "main a", "footer"):
            colour = page.evaluate(f"getComputedStyle(document.querySelector('{query}')).color")
            low, high = sorted([ground, luminance(colour)])
            assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, query)  # WCAG 2.2, 1.4.3
        seen[scheme] = ground
    assert seen["dark"] < 0.05 < 0.8 < seen["light"]


def test_every_picture_has_words_and_a_white_ground(chromium, table_url):
    page = Tab(chromium, table_url, scheme="dark").page
    drawn = page.locator("figure:not(.vector) img")
    assert drawn.count() == 1
    assert drawn.get_attribute("alt") == f"Spend of {IMG} and 华东."
    ground = "getComputedStyle(document.querySelector('figure:not(.vector):has(img)')).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.evaluate("document.querySelector('figure:not(.vector) img').naturalWidth") > 700


def test_a_vector_picture_is_an_image_that_follows_the_readers_mode(chromium, table_url):
    """As an image it can neither script nor fetch; the notebook's SVG has an `onload`, which never runs."""
    for scheme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 24, 29)")):
        page = Tab(chromium, table_url, scheme=scheme).page
        assert page.locator("svg[onload]").count() == 0
        assert page.locator("figure.vector img").get_attribute("src").startswith("data:image/svg+xml;base64,")
        found = page.evaluate("getComputedStyle(document.querySelector('figure.vector')).backgroundColor")
        assert found == ground


def test_prints_without_navigation_on_white(chromium, url):
    page = Tab(chromium, url, scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".side").is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"
