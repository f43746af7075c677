"""What 01 shows: where the records and the money went, how good the tables are, what they can carry."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import (
    GRID,
    INK,
    PALETTE,
    Picture,
    TableView,
    Takeaway,
    new_figure,
    table,
    takeaway,
)
from crcm_lib.schema.tables import About

FEW = 5  # a sum over fewer records could be one customer's amount
MONEY_KEPT = ("sales", "returns matched", "returns unmatched")
DIMENSIONS = ("completeness", "validity", "uniqueness", "timeliness")
MOST_RULES, MOST_MONTHS = 12, 120


def account_rows(row_account: pd.DataFrame) -> pd.DataFrame:
    """Records read, kept and set aside, one row per file."""
    wide = row_account.pivot_table(
        index=["table", "file"], columns="state", values="records", aggfunc="sum", fill_value=0
    )
    kept = wide["kept"] if "kept" in wide else 0 * wide["read"]
    return pd.DataFrame(
        {"read": wide["read"], "kept": kept, "set aside": wide["read"] - kept}, index=wide.index
    ).astype("int64")


def list_reasons(rejects: pd.DataFrame, severity: str) -> pd.DataFrame:
    """How many records each rule touched, with the first of them as an example to look up."""
    found = rejects[rejects["severity"] == severity].sort_values(["table", "rule", "file", "record"])
    reasons = found.groupby(["table", "rule"], as_index=False).agg(
        records=("record", "size"), file=("file", "first"), record=("record", "first")
    )
    reasons = reasons.sort_values(["records", "table", "rule"], ascending=[False, True, True])
    return reasons.rename(columns={"file": "first in file", "record": "at record"}).reset_index(drop=True)


def account_money(money: pd.DataFrame) -> pd.DataFrame:
    """The money account in order; rare reasons stand together, a sum over under `FEW` is hidden."""
    return pd.concat(
        [_account_currency(name, part) for name, part in money.groupby("currency")], ignore_index=True
    )


def _account_currency(currency: str, money: pd.DataFrame) -> pd.DataFrame:
    by_state = money.set_index("state")[["records", "amount"]]
    aside = by_state.drop(["read", *MONEY_KEPT], errors="ignore").sort_values("records", kind="stable")
    small = int((aside["records"] < FEW).sum())
    while 0 < small < len(aside) and aside["records"].iloc[:small].sum() < FEW:
        small += 1
    rest = aside.iloc[small:].rename(index=lambda rule: _("set aside: {rule}").format(rule=rule))
    shown = [
        by_state.loc[["read"]],
        by_state.loc[[state for state in MONEY_KEPT if state in by_state.index]],
        rest[::-1],
    ]
    if small:
        named = (
            ", ".join(aside.index[:small]) if small == 1 else _("{count} other reasons").format(count=small)
        )
        together = aside.iloc[:small].sum().to_frame(_("set aside: {rule}").format(rule=named)).T
        shown.append(together)
    listed = pd.concat(shown).rename_axis("state").reset_index()
    thin = listed["records"].between(1, FEW - 1)
    listed["amount"] = listed["amount"].mask(thin | (thin.any() & (listed["state"] == "read")))
    return listed.assign(currency=currency, records=listed["records"].astype("int64"))[
        ["currency", "state", "records", "amount"]
    ]


def money_adds_up(money: pd.DataFrame) -> bool:
    """Is what was read, per currency, what was kept and set aside, to the hundredth of a cent?"""
    units = money.assign(units=(money["amount"] * 10_000).round().astype("int64"))
    read = units["state"] == "read"
    came, went = (
        part.groupby("currency")[["records", "units"]].sum() for part in (units[read], units[~read])
    )
    return came.equals(went)


def show_rows(rows: pd.DataFrame) -> Picture:
    """Share of each table's records that was kept: one bar per table, the counts beside it."""
    sums = rows.groupby("table").sum().sort_values("read")
    figure, axes = new_figure(height=1.2 + 0.36 * len(sums))
    shares = (sums["kept"] / sums["read"].clip(lower=1)).to_numpy()
    axes.barh(sums.index, shares, color=PALETTE[0], label=_("kept"))
    axes.barh(sums.index, (sums["read"] > 0) - shares, left=shares, color=PALETTE[5], label=_("set aside"))
    for place, (read, aside) in enumerate(zip(sums["read"], sums["set aside"], strict=True)):
        words = _("{aside:,} of {read:,} set aside").format(aside=aside, read=read)
        axes.text(0.01, place, words, va="center", color="white" if read else INK, fontsize=10)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda share, _place: f"{share:.0%}")
    axes.set_xlabel(_("share of the records read"))
    axes.grid(axis="y", visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    told = "; ".join(_("{name}: {aside:,} of {read:,} records set aside").format(
        name=name, aside=row["set aside"], read=row["read"]) for name,
        row in sums[::-1].iterrows())  # fmt: skip
    return Picture(figure, _("Bars, kept and set aside by table. {told}.").format(told=told))


def show_reasons(reasons: pd.DataFrame) -> Picture:
    """How many records each rule set aside, the most frequent on top."""
    if reasons.empty:
        figure, axes = new_figure(height=1.2)
        axes.text(0.5, 0.5, _("no record was set aside"), ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return Picture(figure, _("No bars: no record was set aside."))
    sums = reasons.groupby("rule")["records"].sum().sort_values(kind="stable").tail(MOST_RULES)
    figure, axes = new_figure(height=1.2 + 0.36 * len(sums))
    bars = axes.barh([_shorten(rule) for rule in sums.index], sums, color=PALETTE[5])
    axes.bar_label(bars, labels=[f"{count:,}" for count in sums], padding=4, color=INK, fontsize=10)
    axes.margins(x=0.12)
    axes.set_xlabel(_("records set aside"))
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    axes.xaxis.set_major_formatter(lambda count, _place: f"{count:,.0f}")
    axes.grid(axis="y", visible=False)
    told = "; ".join(f"{rule}: {count:,}" for rule, count in sums[::-1].items())
    return Picture(figure, _("Bars, records set aside by rule. {told}.").format(told=told))


def _shorten(rule: str, most: int = 34) -> str:
    return rule if len(rule) <= most else rule[: most - 1].rstrip() + "…"


def show_quality(quality: pd.DataFrame) -> Picture:
    """The four quality scores of every table, as a grid with the numbers in it."""
    from matplotlib.colors import LinearSegmentedColormap

    grid = quality.pivot_table(index="table", columns="dimension", values="score").reindex(columns=DIMENSIONS)
    figure, axes = new_figure(height=1.2 + 0.36 * len(grid))
    colours = LinearSegmentedColormap.from_list("quality", ["#F4B183", "#FFFFFF", "#9CC9E8"])
    axes.imshow(grid, cmap=colours, vmin=0.5, vmax=1, aspect="auto")
    for (row, column), score in zip(
        ((r, c) for r in range(len(grid)) for c in range(len(DIMENSIONS))),
        grid.to_numpy().ravel(),
        strict=True,
    ):
        axes.text(
            column, row, "–" if pd.isna(score) else _percent(score), ha="center", va="center", color=INK
        )
    axes.set_xticks(range(len(DIMENSIONS)), DIMENSIONS)
    axes.set_yticks(range(len(grid)), grid.index)
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    told = "; ".join(
        f"{name}: " + ", ".join(f"{dimension} {_percent(score)}" for dimension, score in row.dropna().items())
        for name, row in grid.iterrows()
    )
    return Picture(figure, _("Grid of quality scores, 100 % is perfect. {told}.").format(told=told))


def _percent(share: float) -> str:
    """A share that is not whole never reads 100 %."""
    return "100 %" if share == 1 else f"{min(share, 0.999):.1%}".replace("%", " %")


def count_months(engine, about: About) -> pd.DataFrame:
    """Transaction lines of each month up to the last day, with the days of the month that are known."""
    months = engine.execute(
        "select date_trunc('month', day)::timestamp as month, count(*) as lines, count(distinct "
        "customer_id) as customers "
        "from transactions group by all order by all"
    ).df()
    every = pd.date_range(months["month"].min(), about.day, freq="MS")
    counted = months.set_index("month").reindex(every, fill_value=0).rename_axis("month")
    known = (about.day - counted.index).days + 1
    return counted.assign(partial=known < counted.index.days_in_month).reset_index()


def show_months(months: pd.DataFrame) -> Picture:
    """Lines by month; a last month that is not over is paler, months of under `FEW` customers are out."""
    shown = months.tail(MOST_MONTHS)
    lines = shown["lines"].where((shown["customers"] >= FEW) | (shown["customers"] == 0))
    figure, axes = new_figure(height=3.2)
    colours = [PALETTE[4] if partial else PALETTE[0] for partial in shown["partial"]]
    axes.bar(range(len(shown)), lines.fillna(0), color=colours)
    axes.set_ylabel(_("lines in the month"))
    axes.yaxis.set_major_formatter(lambda count, _place: f"{count:,.0f}")
    axes.set_ylim(bottom=0)
    places = range(0, len(shown), max(1, -(-len(shown) // 6)))
    axes.set_xticks(list(places), [f"{shown['month'].iloc[place]:%Y-%m}" for place in places])
    axes.set_xlim(-0.6, max(len(shown), 6) - 0.4)
    axes.grid(axis="x", visible=False)
    axes.spines["bottom"].set_color(GRID)
    told = "; ".join(f"{month:%Y-%m}: " + ("–" if pd.isna(count) else f"{count:,.0f}")
                     for month, count in zip(shown["month"], lines, strict=True))  # fmt: skip
    last = _(" The last month is not over.") if len(shown) and shown["partial"].iloc[-1] else ""
    return Picture(figure, _("Bars, transaction lines by month. {told}.").format(told=told) + last)


def show_verdict(verdict: pd.DataFrame) -> TableView:
    """What the data can carry, the certain things first."""
    order = {"yes": 0, "limited": 1, "no": 2}
    ranked = verdict.assign(rank=verdict["verdict"].map(order)).sort_values(["rank", "capability"])
    return table(ranked.drop(columns="rank"), _("What this data can carry"))


def tell_data(about: About, rows: pd.DataFrame, verdict: pd.DataFrame, quality: pd.DataFrame) -> Takeaway:
    """What came in, how much of it is used, and what it can and cannot carry: two or three sentences."""
    sums = rows.sum()
    counts = verdict["verdict"].value_counts().reindex(["yes", "limited", "no"], fill_value=0)
    shown = quality[(quality["dimension"] != "timeliness") | (quality["table"] == "transactions")]
    worst = shown.loc[shown["score"].idxmin()]
    missing = ", ".join(sorted(verdict.loc[verdict["verdict"] == "no", "capability"])) or _("nothing")
    return takeaway(
        _(
            "**{kept} of {read} records** ({share}) of {title} are used, from {first} to {last}; {aside} "
            "set aside, each with its reason. The lowest quality score is {dimension} of {worst}, {score}. "
            "The data carry **{yes} of {all} parts of the report in full** and {limited} with limits; "
            "not available: {missing}."
        ),
        kept=f"{sums['kept']:,}",
        read=f"{sums['read']:,}",
        aside=f"{sums['set aside']:,}",
        share=_percent(sums["kept"] / max(sums["read"], 1)),
        title=about.title,
        first=about.first_day,
        last=about.as_of,
        dimension=worst["dimension"],
        worst=worst["table"],
        score=_percent(worst["score"]),
        yes=int(counts["yes"]),
        all=len(verdict),
        limited=int(counts["limited"]),
        missing=missing,
    )
