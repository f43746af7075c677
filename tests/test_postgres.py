"""A PostgreSQL database as a source: a real server, started for these tests by another user than root."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from fixtures.store import clean_rows, rules_by_record

from crcm_lib.ingest.sources import postgres
from crcm_lib.schema import snapshots

IN_CI = bool(os.environ.get("CI"))  # there nothing is passed over
psycopg = __import__("psycopg") if IN_CI else pytest.importorskip("psycopg")
PASSWORD = "geheim-7731"
pytestmark = pytest.mark.slow


def find_program(name: str) -> str:
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = shutil.which(name, path=os.pathsep.join([*map(str, homes), os.environ.get("PATH", "")]))
    missing = pytest.fail if IN_CI else pytest.skip
    return path or missing("no PostgreSQL server is installed")


@pytest.fixture(scope="module")
def server():
    """The address of a database, on a socket of its own; its password is not in it."""
    initdb, serve = find_program("initdb"), find_program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="crcm-pg-", dir="/tmp"))
    as_root = os.getuid() == 0  # the server refuses to be started by root
    user = pwd.getpwnam("nobody") if as_root else pwd.getpwuid(os.getuid())
    owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if as_root else {}
    (folder / "password").write_text(PASSWORD)
    if as_root:
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
    data = folder / "data"
    make = [initdb, "-D", data, "-U", "crcm", "-A", "scram-sha-256", "--pwfile", folder / "password", "-N"]
    subprocess.run([*make, "-E", "UTF8", "--locale", "C"], check=True, capture_output=True, cwd="/", **owner)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    process = subprocess.Popen(
        [serve, "-D", data, *options], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **owner
    )
    address = f"postgresql://crcm@/postgres?host={folder}"
    try:
        for _attempt in range(100):
            try:
                psycopg.connect(address, password=PASSWORD).close()
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


@pytest.fixture
def ask(server, store, monkeypatch, tmp_path):
    """A function that makes the database of the test, and describes a source that asks it a question."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv(snapshots.VARIABLE, str(tmp_path / "snapshots"))
    (tmp_path / "snapshots").mkdir()

    def describe(query: str, *statements: str, database: str = ""):
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("drop table if exists log")
            connection.execute('create table log (id text, "when" timestamptz, item text, price numeric)')
            for statement in statements:
                connection.execute(statement)
        return store.part(path="", database=database or server, query=query)

    return describe


def test_values_come_as_their_exact_text_and_in_utc(ask):
    rows = """
        insert into log values
        ('7', '2024-01-05 23:30:00-05', 'a "mug", é', 0.10),
        ('8', '2024-01-06 12:00+00', E'x\\ny', 12345678901.123456)
    """
    out = ask("select * from log order by id;", rows, "set timezone = 'Asia/Shanghai'").clean()
    assert clean_rows(out, "customer_id, time::varchar, product_id, amount::varchar") == [
        ("7", "2024-01-06 05:30:00", 'a "mug", é', "0.1000"),
        ("8", "2024-01-06 13:00:00", "x\ny", "12345678901.1235"),
    ]


def test_what_is_no_finite_number_is_set_aside(ask):
    rows = """
        insert into log
        select n::text, '2024-01-05', 'a', price
        from unnest(array[1, 'NaN', 'infinity', null]::numeric[]) with ordinality as rows(price, n)
    """
    out = ask("select * from log order by id", rows).clean()
    assert clean_rows(out, "customer_id") == [("1",)]
    assert rules_by_record(out) == {
        2: "amount not finite",
        3: "amount not finite",
        4: "amount missing",
    }


def test_a_time_that_never_comes_is_no_time(ask):
    rows = "insert into log values ('1', '2024-01-05', 'a', 1), ('2', 'infinity', 'a', 1)"
    assert rules_by_record(ask("select * from log", rows).clean()) == {2: "time not readable"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select nobody from log", 'the query fails: column "nobody" does not exist'),
        ("select * from nowhere", 'the query fails: relation "nowhere" does not exist'),
        ("selct", "the query fails: syntax error"),
        ("insert into log values ('1') returning id", "should be one SELECT"),
        ("drop table log", "should be one SELECT"),
        ("select 1; drop table log", "should be one SELECT"),
        ("select 1) to stdout; commit; drop table log; copy (select 1", "the query fails: syntax error"),
        ("select 1 /* ", "the query fails: unterminated"),
        ("", "should be one SELECT"),
        ("select nextval('numbers')", "should be one SELECT"),
        ("select cast('Wang' as int)", "the query fails: invalid input syntax for type integer: …"),
        ("select pg_sleep(5)", "the query took longer"),
    ],
)
def test_a_server_is_asked_one_question_and_says_what_is_wrong_with_it(ask, server, monkeypatch, query, said):
    monkeypatch.setattr(postgres, "QUERY_SECONDS", 1)
    store = ask(query or " ", "create sequence if not exists numbers", "insert into log values ('7')")
    message = store.refused()
    assert said in message
    assert PASSWORD not in message
    with psycopg.connect(server) as connection:
        assert connection.execute("select count(*) from log").fetchone() == (1,)
    assert list(Path(os.environ[snapshots.VARIABLE]).iterdir()) == []


def test_a_wrong_password_is_refused_in_words(ask, monkeypatch):
    store = ask("select 1 as id")
    monkeypatch.setenv("PGPASSWORD", "wrong-4711")
    message = store.refused()
    assert "no connection, or it was lost" in message or "refuses user or password" in message
    assert "wrong-4711" not in message


def test_a_server_that_is_not_there_is_said(ask, tmp_path):
    store = ask("select 1 as id", database=f"postgresql://crcm@/postgres?host={tmp_path}")
    assert "no connection, or it was lost" in store.refused()


def test_a_connection_that_is_lost_is_said_and_leaves_nothing(ask, server):
    slow = "select id, pg_sleep(0.01)::text as item from generate_series(1, 2000) as id"

    def end_it():
        with psycopg.connect(server, autocommit=True) as connection:
            other = "select pid from pg_stat_activity where application_name = 'crcm' and query like 'copy%'"
            while not (found := connection.execute(other).fetchone()):
                time.sleep(0.02)
            connection.execute("select pg_terminate_backend(%s)", found)

    store, ending = ask(slow), threading.Thread(target=end_it)
    ending.start()
    message = store.refused()
    ending.join()
    assert "no connection, or it was lost" in message
    assert list(Path(os.environ[snapshots.VARIABLE]).iterdir()) == []


def test_one_moment_is_read_once_for_a_run(ask, server):
    store = ask("select * from log", "insert into log values ('7', '2024-01-05', 'mug', 1)")
    assert clean_rows(store.clean(), "count(*)") == [(1,)]
    with psycopg.connect(server) as connection:
        connection.execute("insert into log values ('8', '2024-01-05', 'mug', 1)")
    assert clean_rows(store.clean("again"), "count(*)") == [(1,)]
    (snapshot,) = Path(os.environ[snapshots.VARIABLE]).iterdir()
    assert snapshot.stat().st_mode & 0o077 == 0
    snapshot.unlink()
    assert clean_rows(store.clean("later"), "count(*)") == [(2,)]


def test_a_service_file_may_say_where_the_server_is(ask, server, tmp_path, monkeypatch):
    host = server.partition("host=")[2]
    services = f"[shop]\nhost={host}\nuser=crcm\ndbname=postgres\npassword={PASSWORD}\n"
    (tmp_path / "services").write_text(services)
    rows = "insert into log values ('7', '2024-01-05', 'mug', 1)"
    store = ask("select * from log", rows, database="postgresql://?service=shop")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.delenv("PGPASSWORD")
    assert clean_rows(store.clean(), "customer_id") == [("7",)]


@pytest.mark.parametrize(
    "database",
    [f"postgresql://crcm:{PASSWORD}@/postgres", f"postgresql://crcm@/postgres?password={PASSWORD}"],
)
def test_a_password_in_the_description_is_refused_and_not_printed(store, database):
    message = store.part(path="", database=database, query="select 1").refused()
    assert "take the password out of the description" in message
    assert PASSWORD not in message


def test_snapshots_last_as_long_as_a_run_and_its_processes(monkeypatch):
    monkeypatch.setenv(snapshots.VARIABLE, "")
    with snapshots.keep_snapshots() as folder:
        assert not folder.exists()  # until it is needed
        with snapshots.keep_snapshots() as inner:
            assert inner == snapshots.snapshot_folder() == folder
        command = [
            sys.executable,
            "-c",
            "from crcm_lib.schema import snapshots as s; print(s.snapshot_folder())",
        ]
        assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == str(folder)
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.is_dir()
    assert not folder.exists()
    alone = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    assert alone != str(folder)
    assert not Path(alone).exists()
