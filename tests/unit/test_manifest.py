import json

import pytest

from breedcast.errors import UserError
from breedcast.files import write_json
from breedcast.manifest import changed, checksum, differences, main, manifest, refuse_changed

FACTS = {"versions": {"numpy": "2.4"}, "config": {"interval": 0.9}, "seed": 0}


@pytest.fixture
def make(tmp_path):
    """A function that makes a folder of results with these contents, and its manifest."""

    def results(name, contents, **facts):
        folder, given = tmp_path / name, tmp_path / "given.tsv"
        given.write_text("sample\tyield\n")
        for file, content in contents.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(content)
        told = manifest(folder, [folder / file for file in contents], [given], FACTS | facts)
        write_json(told, folder / "manifest.json")
        return folder

    return results


def test_the_checksum_of_a_file_is_its_sha256(tmp_path, command):
    (tmp_path / "table.tsv").write_text("value\n1\n")
    known = command("sha256sum", tmp_path / "table.tsv").split()[0]
    assert checksum(tmp_path / "table.tsv") == known


def test_the_checksum_of_a_store_sees_names_and_contents(tmp_path):
    seen = set()
    for number, (name, content) in enumerate(
        [("c/0", "a"), ("c/1", "a"), ("c/0", "b"), ("d/0", "a")]
    ):
        file = tmp_path / str(number) / name
        file.parent.mkdir(parents=True)
        file.write_text(content)
        seen.add(checksum(tmp_path / str(number)))
        (tmp_path / str(number) / ".snakemake_timestamp").touch()
        seen.add(checksum(tmp_path / str(number)))
    assert len(seen) == 4


def test_runs_of_the_same_have_the_same_manifest(make, capsys):
    contents = {"a/scores.tsv": "1", "codes.json": "2"}
    first = make("first", contents | {"report.html": "at noon", "a/run.json": "a GPU"})
    again = make("again", contents | {"report.html": "at night", "a/run.json": "a CPU"})
    assert (first / "manifest.json").read_bytes() == (again / "manifest.json").read_bytes()
    with pytest.raises(SystemExit) as end:
        main(first, again)
    assert end.value.code == 0
    assert "all 2 results are the same" in capsys.readouterr().out


def test_what_differs_is_named_with_what_it_was_made_from(make):
    first = make("first", {"a.tsv": "1", "b.tsv": "1"})
    again = make("again", {"a.tsv": "2", "c.tsv": "1"}, config={"interval": 0.8})
    lines = differences(first, again)
    assert lines == [
        "a.tsv: differs",
        f"b.tsv: only in {first}",
        f"c.tsv: only in {again}",
        "config: interval: differs",
    ]


def test_what_was_changed_since_is_named(make, capsys):
    folder = make("results", {"a.tsv": "1", "b.tsv": "1", "c.tsv": "1"})
    (folder / "a.tsv").write_text("2")
    (folder / "b.tsv").unlink()
    lines = [f"{folder / 'a.tsv'}: was changed", f"{folder / 'b.tsv'}: is gone"]
    assert changed(folder) == lines
    with pytest.raises(SystemExit) as end:
        main(folder, folder)
    assert end.value.code == 1
    assert lines[0] in capsys.readouterr().out


def test_a_manifest_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match=r"manifest\.json cannot be read .*run the workflow"):
        changed(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({})[:1])
    with pytest.raises(UserError, match="cannot be read"):
        differences(tmp_path, tmp_path)


@pytest.mark.parametrize("given", [0, 1, 3])
def test_two_folders_are_compared(tmp_path, given):
    with pytest.raises(UserError, match="give two folders of results: FIRST AGAIN"):
        main(*[tmp_path] * given)


def test_genotypes_that_were_changed_during_the_run_are_told(tmp_path):
    path, table = tmp_path / "g.vcf", tmp_path / "traits.tsv"
    path.write_text("before")
    table.touch()
    read = [{"name": "g.vcf", "sha256": checksum(path)}]
    refuse_changed({str(it): checksum(it) for it in (path, table)}, read)
    path.write_text("after")
    with pytest.raises(UserError, match=r"g\.vcf was changed during the run, or since; run again"):
        refuse_changed({str(it): checksum(it) for it in (path, table)}, read)
