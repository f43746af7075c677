"""The `crcm` command, thin: words in, exit codes out. Everything it does lies in the library.

Annotations are evaluated when Typer reads them, in `build_app`; so help is in the language of that moment.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from crcm_lib import __version__
from crcm_lib.errors import CrcmError, GateError, UsageError, list_problems
from crcm_lib.i18n import _

SLOW = 10  # seconds from which on a log says that a file was read


def main() -> None:
    """Call the command with what the shell gave."""
    build_app()(prog_name="crcm")


def build_app() -> typer.Typer:
    """Return the command with its help in the present language."""
    app = typer.Typer(
        help=_("Raw customer records to tiers, reasons, actions and reports."),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        epilog=_(
            "Exit codes: 0 published; 2 usage, policy or parameter; 3 the input breaks its contract; "
            "4 a notebook failed; 5 another run holds the lock; 6 a gate refused."
        ),
    )
    app.callback()(_take_version)
    app.command(help=_("Run the notebooks on a source and publish their report."))(run)
    app.command(help=_("Check a source and a policy; run nothing."))(check)
    app.command(help=_("Draft the description of exported files."))(init)
    app.command(help=_("Confirm what a drafted description is unsure of."))(confirm)
    app.command(help=_("List the published runs of a reports folder."))(runs)
    app.command(help=_("Say what differs between two runs of a source."))(diff)
    app.command(help=_("Save the lists of a role or an owner, or import files of a CRM."))(export)
    app.command(help=_("Say of one customer what a run decided, why, and whom to ask."))(explain)
    app.command(help=_("Score customers with new events by what a run has learned."))(score)
    app.command(help=_("Prove that a published run is complete and unchanged."))(verify)
    app.command(help=_("Remove old runs, and what failed and killed ones left."))(purge)
    app.command(help=_("Forget customers: in every run, and whenever their records come again."))(forget)
    app.command(help=_("Simulate the synthetic company and write its input tables."))(sample)
    app.command(help=_("Execute the committed notebooks again, in place, and renew the golden tables."))(
        refresh
    )
    policies = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    policies.command("show", help=_("Print a policy: criteria, weights, tiers with their borders, actions."))(
        show_policy
    )
    policies.command("set", help=_("Change values of a policy's file; its comments stay."))(set_policy)
    app.add_typer(policies, name="policy", help=_("Show or change a policy."))
    return app


def run(
    source: Annotated[str, _source()],
    policy: Annotated[str, _policy()] = "policy.yaml",
    overrides: Annotated[str, _overrides()] = "{}",
    as_of: Annotated[str, typer.Option(help=_("Last day known, like 2017-12-31."))] = "",
    out: Annotated[str, typer.Option(help=_("Where reports are published."))] = "reports",
    previous: Annotated[
        str, typer.Option(help=_('The earlier run to compare with; "none"; empty: the newest in --out.'))
    ] = "",
    seed: Annotated[int, _seed()] = 0,
    resume: Annotated[bool, typer.Option("--resume", help=_("Reuse what nothing changed."))] = False,
    cell_timeout: Annotated[int, typer.Option(help=_("Longest time of a cell, in seconds."))] = 1800,
    log_json: Annotated[bool, typer.Option("--log-json", help=_("One JSON line per event."))] = False,
) -> None:
    """Run the notebooks and publish their report."""
    with _honest_exit(log_json):
        from crcm_lib.pipeline.run import run as run_notebooks
        from crcm_lib.pipeline.settings import RunSettings

        settings = RunSettings(
            source=source,
            policy=policy,
            overrides=overrides,
            as_of=as_of,
            out=out,
            previous=previous,
            seed=seed,
            resume=resume,
            cell_timeout=cell_timeout,
        )
        with _listener(log_json) as listener:
            published = run_notebooks(settings, listener)
        if sys.stdout.isatty() and not log_json:
            typer.echo(published.parent / "latest" / "index.html")


def check(
    source: Annotated[str, _source()],
    policy: Annotated[str, _policy()] = "policy.yaml",
    overrides: Annotated[str, _overrides()] = "{}",
    as_of: Annotated[str, typer.Option(help=_("Last day known, like 2017-12-31."))] = "",
    out: Annotated[str, typer.Option(help=_("Where reports are published."))] = "reports",
) -> None:
    """Read a source whole, show what is read as what, and check a policy; run nothing."""
    with _honest_exit():
        from crcm_lib.decisions.review_dates import find_due
        from crcm_lib.ingest.sources import progress_to
        from crcm_lib.pipeline.checked_inputs import read_report
        from crcm_lib.pipeline.plan import find_unknown_names, find_unknown_profiles, plan_run
        from crcm_lib.pipeline.reports_folder import read_as_of
        from crcm_lib.pipeline.settings import RunSettings
        from crcm_lib.pipeline.temporary import own_folder
        from crcm_lib.reporting.text import checked_tables as text
        from crcm_lib.reporting.text.policy_dates import list_due

        settings = RunSettings(source=source, policy=policy, overrides=overrides, as_of=as_of, out=out)
        with own_folder(), _listener() as listener, progress_to(listener):
            plan = plan_run(settings)
        typer.echo(text.write_check_report(read_report(plan.checked)))
        message = _("{path}: version {version}, {tiers} tiers, {actions} actions")
        tiers, actions = len(plan.policy.tiers), len(plan.policy.playbook)
        typer.echo(message.format(path=policy, version=plan.policy.version, tiers=tiers, actions=actions))
        unknown = text.write_unknown_names(find_unknown_names(plan))
        lacking = text.write_unknown_profiles(find_unknown_profiles(plan))
        for line in filter(
            None, (unknown, lacking, *list_due(find_due(plan.policy, read_as_of(plan.checked))))
        ):
            typer.echo(line)


def init(
    files: Annotated[list[Path], typer.Argument(help=_("Exported files, like orders.csv items.csv."))],
    out: Annotated[
        Path | None, typer.Option(help=_("The description to write; else beside the first file."))
    ] = None,
    accept: Annotated[list[str] | None, _accept()] = None,
    encoding: Annotated[str, typer.Option(help=_("The encoding of files that are not UTF-8."))] = "",
    force: Annotated[bool, typer.Option("--force", help=_("Replace a description that is there."))] = False,
    reports: Annotated[str, _reports()] = "reports",
) -> None:
    """Draft the description of exported files, confirm it, and check it."""
    with _honest_exit():
        from crcm_lib.ingest.drafting import draft_source, refuse_existing, write_draft

        target = out or files[0].with_suffix(".yaml")
        refuse_existing(target, force=force)
        draft = draft_source(files, target, encoding)
        write_draft(draft, target)
        typer.echo(_("{path}: drafted").format(path=target))
        for note in draft.notes:
            typer.echo(note, err=True)
        _confirm_and_check(target, accept or [], reports)


def confirm(
    source: Annotated[Path, typer.Argument(help=_("A drafted description, like orders.yaml."))],
    accept: Annotated[list[str] | None, _accept()] = None,
    reports: Annotated[str, _reports()] = "reports",
) -> None:
    """Confirm what a drafted description is unsure of, and check it."""
    with _honest_exit():
        _confirm_and_check(source, accept or [], reports)


def _confirm_and_check(source: Path, accept: list[str], reports: str) -> None:
    """Take what is accepted, ask for the rest on a terminal, and print what a check of the source says."""
    from crcm_lib.ingest.drafting import confirm, list_unconfirmed
    from crcm_lib.ingest.sources import progress_to, read_source
    from crcm_lib.pipeline.checked_inputs import check_inputs, read_report
    from crcm_lib.reporting.text.checked_tables import write_check_report

    pairs = [text.partition("=") for text in accept]
    if accepted := {key: value if mark else None for key, mark, value in pairs}:
        confirm(source, accepted)
    if sys.stdin.isatty() and sys.stdout.isatty():
        for key, entry in list_unconfirmed(source).items():
            confirm(source, {key: _ask(key, entry)})
    checked = read_source(source.resolve())
    with _listener() as listener, progress_to(listener):
        _inputs, folder = check_inputs(checked, "", Path(reports).resolve())
    typer.echo(write_check_report(read_report(folder)))
    out = "" if reports == "reports" else f" --out {shlex.quote(reports)}"
    typer.echo(_("Next: crcm run --source {path}{out}").format(path=source, out=out))


def _ask(key: str, entry: dict) -> str | None:
    """What is typed for a key; None, by Enter alone, for what is proposed."""
    proposal = entry.get("proposal")
    typer.echo(f"{key}: {entry.get('why', '')}")
    if proposal in (None, ""):
        return typer.prompt(f"  {key}")
    typed = typer.prompt(
        _("  {key} (Enter takes {proposal})").format(key=key, proposal=proposal), "", show_default=False
    )
    return typed or None


def runs(out: Annotated[str, typer.Option(help=_("Where reports are published."))] = "reports") -> None:
    """List the published runs of a reports folder, the newest first."""
    with _honest_exit():
        from crcm_lib.pipeline.reports_folder import list_runs

        for run in list_runs(Path(out).resolve()):
            words = _(
                "{run}  as of {day}, policy version {version}, {files} files, {megabytes:.1f} MB{latest}"
            )
            typer.echo(words.format(**run, latest=_(", latest") if run["is_latest"] else ""))


def diff(
    before: Annotated[str, typer.Argument(help=_("The earlier run."))],
    now: Annotated[str, typer.Argument(help=_("The later one, like reports/latest."))],
) -> None:
    """Say what differs between two runs of a source."""
    with _honest_exit():
        from crcm_lib.pipeline.plan import locate
        from crcm_lib.pipeline.run_diff import compare_runs
        from crcm_lib.reporting.text.run_changes import describe_runs

        found = compare_runs(locate(before).resolve(), locate(now).resolve())
        typer.echo("\n".join(describe_runs(found)))


def export(
    run: Annotated[str, typer.Argument(help=_("A published run, like reports/latest."))],
    to: Annotated[Path, typer.Option(help=_("Folder to save in."))],
    whose: Annotated[
        str, typer.Option("--for", help=_("A role, an owner, or all; zoho or fxiaoke."))
    ] = "all",
    encrypt: Annotated[
        bool,
        typer.Option("--encrypt", help=_("Workbooks only, with a password (or CRCM_EXPORT_PASSWORD).")),
    ] = False,
) -> None:
    """Save the lists of a role or an owner, or the import files of a CRM system."""
    with _honest_exit():
        from crcm_lib.pipeline import kept_policy
        from crcm_lib.pipeline.plan import locate
        from crcm_lib.reporting.exports import SYSTEMS, save_lists
        from crcm_lib.reporting.exports.crm_files import save_crm_files

        folder = locate(run).resolve()
        if whose in SYSTEMS:
            if encrypt:
                raise UsageError(_("Import files of a CRM system cannot be encrypted."))
            for path in save_crm_files(folder, kept_policy.read(folder), whose, to):
                typer.echo(path)
            return
        password = ""
        if encrypt:
            password = os.environ.get("CRCM_EXPORT_PASSWORD") or typer.prompt(
                _("Password"), hide_input=True, confirmation_prompt=True
            )
        for path in save_lists(folder, whose, to, password):
            typer.echo(path)
        if encrypt:
            words = _("Left out, as they cannot be encrypted: the same lists as CSV and calendar files.")
            typer.echo(words, err=True)


def explain(
    customer: Annotated[str, typer.Argument(help=_("The id exactly as in the data, or the pseudonym C-…"))],
    run: Annotated[str, typer.Option(help=_("A published run."))] = "reports/latest",
) -> None:
    """Say of one customer what a run decided, why, and whom to ask."""
    with _honest_exit():
        from crcm_lib.pipeline.explain import explain as write_card
        from crcm_lib.pipeline.files import locate

        typer.echo(write_card(locate(run).resolve(), customer))


def score(
    events: Annotated[
        str,
        typer.Argument(help=_("CSV or JSON lines with columns of transactions; - reads standard input.")),
    ] = "",
    customer: Annotated[
        list[str] | None, typer.Option(help=_("The id of a customer to score; repeatable."))
    ] = None,
    run: Annotated[str, typer.Option(help=_("A published run."))] = "reports/latest",
    as_of: Annotated[str, typer.Option(help=_("Last day known; empty: that of the last event."))] = "",
    new: Annotated[
        bool,
        typer.Option("--new", help=_("Score ids too that the run does not know; they do not object to it.")),
    ] = False,
) -> None:
    """Score customers with new events by what a run has learned; prints ids, so mind who reads along."""
    with _honest_exit():
        from crcm_lib.ingest.sources.event_lines import read_events, read_file
        from crcm_lib.pipeline.files import locate
        from crcm_lib.pipeline.scoring import Scorer
        from crcm_lib.reporting.text.scored_customers import describe_scored

        if not events and not customer:
            raise UsageError(_("give a file of events, - for standard input, or --customer"))
        text = sys.stdin.read() if events == "-" else read_file(events) if events else ""
        scorer = Scorer(locate(run).resolve())
        scored = scorer.score(read_events(text), customer or [], as_of=as_of, are_new=new)
        typer.echo("\n".join(describe_scored(scored)))


def show_policy(
    policy: Annotated[str, _policy()] = "policy.yaml",
    run: Annotated[str, typer.Option(help=_("A published run, whose borders are shown."))] = "reports/latest",
) -> None:
    """Print a policy: criteria, weights, tiers with their borders, actions."""
    with _honest_exit():
        from crcm_lib.config.policy import read_policy
        from crcm_lib.pipeline.files import locate
        from crcm_lib.pipeline.policy_preview import read_borders
        from crcm_lib.reporting.text.policy_summary import describe_policy

        read = read_policy(locate(policy))
        typer.echo("\n".join(describe_policy(read, *read_borders(locate(run).resolve(), read))))


def set_policy(
    changes: Annotated[
        list[str],
        typer.Argument(help=_("Path and value, like criteria.contribution.weight 0.4; more of them, too.")),
    ],
    policy: Annotated[str, _policy()] = "policy.yaml",
    preview: Annotated[
        bool, typer.Option("--preview", help=_("Write nothing; say who would change tier."))
    ] = False,
    run: Annotated[
        str, typer.Option(help=_("A published run, on whose tables it is previewed."))
    ] = "reports/latest",
) -> None:
    """Change values of a policy's file; its comments stay. Nothing is written that is not a valid policy."""
    with _honest_exit():
        from crcm_lib.config.policy import read_policy
        from crcm_lib.config.policy_edit import change_policy
        from crcm_lib.pipeline.files import locate, save_atomically
        from crcm_lib.pipeline.policy_preview import preview_policy
        from crcm_lib.reporting.text.policy_summary import describe_change, describe_preview

        if len(changes) % 2:
            raise UsageError(_("give a path and a value, like criteria.contribution.weight 0.4"))
        file, wanted = locate(policy), dict(zip(changes[::2], changes[1::2], strict=True))
        text, after = change_policy(file, wanted)
        if preview:
            folder, before = locate(run).resolve(), read_policy(file)
            found = preview_policy(folder, before, after)
            typer.echo("\n".join(describe_preview(found, before, after, folder.name)))
            return
        save_atomically(text, file)
        typer.echo(describe_change(file.name, wanted))


def verify(
    run: Annotated[str, typer.Argument(help=_("A published run, like reports/latest."))],
) -> None:
    """Prove that a published run is complete and unchanged."""
    with _honest_exit():
        from crcm_lib.pipeline import seal
        from crcm_lib.pipeline.checks import verify as find_problems
        from crcm_lib.pipeline.plan import locate

        folder = locate(run).resolve()
        if problems := find_problems(folder):
            raise GateError(list_problems(run, problems))
        record = json.loads((folder / "run.json").read_text("utf-8"))
        message = _("{run}: complete; {count} files are as they were published; {seal}")
        count = len(record["artefacts"])
        typer.echo(message.format(run=folder.name, count=count, seal=seal.describe(record)))


def purge(
    older_than: Annotated[
        int,
        typer.Option(
            min=0, help=_("Days between a run's last day and that of the newest run of its source.")
        ),
    ],
    out: Annotated[str, typer.Option(help=_("Where reports are published."))] = "reports",
) -> None:
    """Remove old runs, and what failed and killed ones left."""
    with _honest_exit():
        from crcm_lib.pipeline.purge import purge as remove

        removed = remove(Path(out).resolve(), older_than)
        for each in removed:
            message = _("removed {name}: {files} files, {bytes:,} bytes")
            typer.echo(message.format(name=each.name, files=each.files, bytes=each.bytes))
        message = _("{out}: {count} folder(s) removed; copies made elsewhere are not known here")
        typer.echo(message.format(out=out, count=len(removed)))


def forget(
    customers: Annotated[
        list[str] | None,
        typer.Argument(help=_("Their ids, exactly as in the data; none: those forgotten before.")),
    ] = None,
    out: Annotated[str, typer.Option(help=_("Where reports are published."))] = "reports",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("Show what would go; change nothing."))
    ] = False,
) -> None:
    """Forget customers: in every run, and whenever their records come again."""
    with _honest_exit():
        from crcm_lib.pipeline import forget as work

        folder, ids = Path(out).resolve(), customers or []
        day = date.today().isoformat()
        search = work.find(folder, ids) if dry_run else work.forget(folder, ids, day=day)
        for line in work.describe(search, is_done=not dry_run):
            typer.echo(line)
        if search.nowhere:
            raise UsageError(work.describe_nowhere(search, is_done=not dry_run))


def sample(
    out: Annotated[str, typer.Option(help=_("Folder for the CSV files."))],
    seed: Annotated[int, _seed()] = 0,
    customers: Annotated[int, typer.Option(min=100, help=_("How many customers."))] = 1200,
    days: Annotated[int, typer.Option(min=60, help=_("How many days of history."))] = 915,
    case: Annotated[str, typer.Option(help=_("A small company for a preset instead, like bank."))] = "",
) -> None:
    """Simulate the synthetic company and write its input tables."""
    with _honest_exit():
        from crcm_lib.errors import unknown_name
        from crcm_lib.samples import cases, write_sample

        if case and case not in cases.CASES:
            raise UsageError(unknown_name(_("case"), case, cases.CASES))
        if case:
            cases.write_case(out, case, seed=seed)
            return
        write_sample(Path(out), seed=seed, customers=customers, days=days)


def refresh() -> None:
    """Execute the committed notebooks again, in place, and renew the golden tables."""
    with _honest_exit():
        from crcm_lib.pipeline.refresh import refresh_notebooks

        refresh_notebooks(typer.echo)


def _take_version(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help=_("Print the version.")),
    ] = False,
) -> None:
    pass


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crcm {__version__}")
        raise typer.Exit


def _source():
    return typer.Option(help=_("Source description, like data/sources/sample.yaml."))


def _policy():
    return typer.Option(help=_("Classification policy."))


def _overrides():
    return typer.Option(help=_('Policy paths to change, as JSON like {"rfm.bins": 4}.'))


def _accept():
    return typer.Option(
        "--accept", help=_("KEY=VALUE to take for a line, KEY alone for what is proposed; repeatable.")
    )


def _reports():
    return typer.Option(
        help=_("Where the run will publish its report, its --out; what is read is kept there.")
    )


def _seed():
    return typer.Option(min=0, help=_("Where random choices start."))


@contextmanager
def _honest_exit(log_json: bool = False) -> Iterator[None]:
    """Turn our own errors into words and their exit code; anything else is a bug and keeps its traceback."""
    from crcm_lib.pipeline import faults

    try:
        with faults.in_words():
            yield
    except CrcmError as error:
        typer.echo(str(error), err=True)
        if log_json:
            _print_line({"event": "failed", "exit_code": error.exit_code, "message": str(error)})
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def _listener(log_json: bool = False) -> Iterator[Callable[[dict], None]]:
    """JSON lines if asked for, a progress bar on a terminal; otherwise silence, but for slow files."""
    if log_json or not sys.stderr.isatty():
        yield _slow_files(_print_line if log_json else _print_slow)
        return
    from tqdm import tqdm

    with tqdm(unit="cell", bar_format="{desc} [{elapsed}]", leave=False) as bar:

        def show(event: dict) -> None:
            if event["event"] in ("reading", "read"):
                bar.set_description_str(f"{event['file']}: {event['records']:,}")
            elif event["event"] == "checking":
                bar.set_description_str(_("checking {table}").format(table=event["table"]))
            elif event["event"] == "run":
                bar.bar_format, bar.leave = "{desc:24} {bar} {n_fmt}/{total_fmt} [{elapsed}]", True
                bar.reset(total=event["cells"])
            elif event["event"] == "cell":
                bar.set_description_str(event["notebook"], refresh=False)
                bar.update()
            elif event.get("status") == "reused":
                bar.update(event["cells"])

        yield show


def _slow_files(show: Callable[[dict], None]) -> Callable[[dict], None]:
    """Pass events on, of reading only the end of a file that took longer than `SLOW`, with its seconds."""
    started: dict[str, float] = {}

    def pass_on(event: dict) -> None:
        if event["event"] in ("reading", "read"):
            seconds = time.monotonic() - started.setdefault(event["file"], time.monotonic())
            if event["event"] == "read" and seconds > SLOW:
                show(event | {"seconds": round(seconds)})
        elif event["event"] != "checking":
            show(event)

    return pass_on


def _print_slow(event: dict) -> None:
    if event["event"] == "read":
        typer.echo(_("{file}: {records:,} records read in {seconds} s").format(**event), err=True)


def _print_line(event: dict) -> None:
    typer.echo(json.dumps(event, ensure_ascii=False))
