"""What `crcm verify` proves: with the key everything, without it that nothing broke by accident."""

import json
import shutil

import pytest

from crcm_lib.pipeline import checks, seal
from crcm_lib.pipeline.files import hash_file


@pytest.fixture
def sealed(shop, monkeypatch):
    """A published run of data that are not synthetic, sealed with a key of its own."""
    key = shop.folder / "key"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    monkeypatch.setenv("CRCM_KEY_FILE", str(key))
    shop.source.write_text(shop.source.read_text().replace("synthetic: true", "synthetic: false"))
    return shop.run()


def rewrite(folder, change):
    """Change run.json as somebody would who has no key, and who takes care of the hashes."""
    path = folder / "run.json"
    record = json.loads(path.read_text("utf-8"))
    change(record)
    record["artefacts"] = {
        name: hash_file(folder / name) for name in record["artefacts"] if (folder / name).exists()
    }
    path.write_text(json.dumps(record))


def add_to_page(folder):
    page = folder / "02_copy.html"
    page.write_text(page.read_text() + "<p>better news</p>")
    rewrite(folder, lambda record: None)


def drop_notebook(folder):
    for name in ("02_copy.ipynb", "02_copy.html", ".stages/02_copy.json"):
        (folder / name).unlink()
    rewrite(folder, lambda record: (record["notebooks"].pop(), record["stages"].popitem()))


def add(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")


def link(folder):
    shutil.copy(folder / "index.html", folder.parent / "elsewhere.html")
    (folder / "index.html").unlink()
    (folder / "index.html").symlink_to(folder.parent / "elsewhere.html")


UNKEYED = "unkeyed"  # noticed without the key too
TAMPERINGS = {
    "headline": (
        lambda f: rewrite(f, lambda r: r["notebooks"][1].update(headline="**Twice as many**")),
        UNKEYED,
    ),
    "day": (lambda f: rewrite(f, lambda r: r.update(as_of="2024-04-30")), UNKEYED),
    "title": (lambda f: rewrite(f, lambda r: r.update(title="A better shop")), UNKEYED),
    "seed": (lambda f: rewrite(f, lambda r: r["parameters"].update(seed=7)), UNKEYED),
    "inputs": (lambda f: rewrite(f, lambda r: r["evidence"]["inputs"][0].update(sha256="0" * 64)), UNKEYED),
    "warnings": (lambda f: rewrite(f, lambda r: r["warnings"].append("none")), UNKEYED),
    "seconds": (lambda f: rewrite(f, lambda r: r["policy"].update(review_by="2099-01-01")), UNKEYED),
    "page and its hash": (add_to_page, "keyed"),
    "notebook with its record": (drop_notebook, UNKEYED),
    "hidden file": (lambda f: add(f, ".hidden"), UNKEYED),
    "file in a hidden folder": (lambda f: add(f, ".more/x"), UNKEYED),
    "record of no stage": (lambda f: add(f, ".stages/03_more.json"), UNKEYED),
    "empty folder": (lambda f: (f / "more").mkdir(), UNKEYED),
    "link": (link, UNKEYED),
    "open table": (lambda f: (f / "tables/copy.json").chmod(0o644), UNKEYED),
    "open folder": (lambda f: (f / "clean").chmod(0o755), UNKEYED),
    "seal removed": (lambda f: rewrite(f, lambda r: r.pop("seal")), UNKEYED),
    "seal forged": (lambda f: rewrite(f, lambda r: r.update(seal="0" * 64)), "keyed"),
}


def test_every_change_is_noticed_with_the_key_and_most_without(sealed, tmp_path, monkeypatch):
    assert checks.verify(sealed) == []
    noticed = {}
    for name, (tamper, _how) in TAMPERINGS.items():
        copy = tmp_path / name.replace(" ", "_")
        shutil.copytree(sealed, copy)
        tamper(copy)
        noticed[name] = bool(checks.verify(copy))
    assert [name for name, found in noticed.items() if not found] == []
    other = tmp_path / "other"
    other.write_text("f" * 64)
    other.chmod(0o600)
    monkeypatch.setenv("CRCM_KEY_FILE", str(other))
    unseen = {name for name in TAMPERINGS if not checks.verify(tmp_path / name.replace(" ", "_"))}
    assert unseen == {name for name, (_tamper, how) in TAMPERINGS.items() if how == "keyed"}


def test_what_a_whole_run_proves_is_said(sealed, shop, monkeypatch, tmp_path):
    record = json.loads((sealed / "run.json").read_text("utf-8"))
    assert "nobody without it changed anything" in seal.describe(record)
    monkeypatch.delenv("CRCM_KEY_FILE")
    monkeypatch.setattr("crcm_lib.privacy.pseudonyms.ROOT", tmp_path)
    assert "a key that is not here" in seal.describe(record)
    assert not (tmp_path / ".crcm").exists()  # to verify makes no key
    old = {name: value for name, value in record.items() if name not in ("seal", "sealed_by", "stages")}
    assert seal.describe(old) == "no seal, as of earlier releases: only accidents can be excluded"
    assert seal.find_problems(old, is_synthetic=False) == []


def test_the_demo_key_proves_nothing_and_is_not_for_real_data(shop):
    record = json.loads((shop.run() / "run.json").read_text("utf-8"))
    assert "published demo key: only accidents" in seal.describe(record)
    assert seal.find_problems(record, is_synthetic=True) == []
    assert "not synthetic" in seal.find_problems(record, is_synthetic=False)[0]


def test_the_seal_is_no_pseudonym_and_says_nothing_of_the_key(sealed):
    text, key = (sealed / "run.json").read_text("utf-8"), "0123456789abcdef" * 4
    assert key not in text
    assert len(json.loads(text)["seal"]) == 64


def test_a_run_of_an_earlier_release_is_still_whole(sealed):
    record = json.loads((sealed / "run.json").read_text("utf-8"))
    for name in ("seal", "sealed_by", "stages"):
        record.pop(name)
    (sealed / "run.json").write_text(json.dumps(record))
    assert checks.verify(sealed) == []
