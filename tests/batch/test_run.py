"""A recipe over a folder: what is written, what is not, and how it goes on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ovedit.batch.ledger import Record, State
from ovedit.batch.run import Status
from ovedit.document import masks
from ovedit.engine.protocols import CancelToken
from ovedit.engine.requests import EditKind, EditRequest, SegmentRequest
from ovedit.errors import (
    CannotDoError,
    DamagedFileError,
    EngineMissingError,
    FileError,
    UsageError,
)
from ovedit.io.openraster import load_project
from ovedit.settings import Settings
from ovedit.workflows.recipe import EngineUse, Output, Recipe, Step
from tests.batch.conftest import BENCH, NAMES, RECIPE, contents, find, photo, read, results, write

ROOT = Path(__file__).parents[2]


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.photos: list[str] = []
        self.settled: list[str] = []
        self.statuses: list[Status] = []
        self.records: list[Record] = []

    def listed(self, photos, settled) -> None:
        self.photos = [each.name for each in photos]
        self.settled = [each.photo for each in settled]

    def progressed(self, status: Status) -> None:
        self.statuses.append(status)

    def recorded(self, record: Record) -> None:
        self.records.append(record)


def states(outcome) -> dict[str, str]:
    return {record.photo: record.state.value for record in outcome.records}


# -- results ---------------------------------------------------------------------------------------


def test_every_photo_gets_its_result_at_the_same_place(run, folder, out) -> None:
    before = contents(folder)
    outcome = run()
    assert outcome.all_done and outcome.total == 4 and outcome.settled == 0
    assert states(outcome) == dict.fromkeys(sorted(NAMES), "done")
    assert results(out) == {str(Path(name).with_suffix(".png")) for name in NAMES}
    assert contents(folder) == before, "originals were touched"


def test_nothing_outside_the_mask_differs(run, folder, out) -> None:
    run()
    mask = np.zeros((80, 120), np.uint8)
    mask[BENCH.slices] = 255
    may_change = masks.feathered(mask, 2, 2) > 0
    for name in NAMES:
        before, after = read(folder / name), read((out / name).with_suffix(".png"))
        differs = (before != after).any(axis=2)
        assert np.count_nonzero(differs & ~may_change) == 0
        assert (after[BENCH.slices] == (10, 200, 30)).all()


@pytest.mark.parametrize(
    ("format", "suffix"),
    [("png", ".png"), ("jpeg", ".jpg"), ("webp", ".webp"), ("tiff", ".tif"), ("ora", ".ora")],
)
def test_results_have_the_format_and_suffix_asked_for(run, out, format, suffix) -> None:
    outcome = run(replace(RECIPE, output=Output(format, suffix="-metal")))
    assert outcome.all_done
    assert results(out) == {str(Path(n).with_suffix("")) + f"-metal{suffix}" for n in NAMES}
    if format == "ora":
        project = load_project(out / "a-metal.ora")
        assert [layer.name for layer in project.structure.layers] == ["a", "metal bench"]


def test_folders_inside_count_only_if_wanted(run, out) -> None:
    outcome = run(replace(RECIPE, subfolders=False))
    assert results(out) == {"a.png", "b.png"} and outcome.all_done


def test_photos_of_one_name_do_not_write_over_each_other(run, folder, out) -> None:
    write(folder / "a.jpg", photo(9))
    assert run().all_done
    assert {"a.png", "a-png.png"} <= results(out)
    assert read(out / "a-png.png")[0, 100].tolist() == read(folder / "a.png")[0, 100].tolist()


def test_results_may_lie_inside_the_folder_of_the_photos(run, folder) -> None:
    first = run(out=folder / "results")
    second = run(out=folder / "results")
    assert first.total == second.total == 4 and second.settled == 4


def test_results_may_not_lie_among_the_photos(run, folder) -> None:
    before = contents(folder)
    with pytest.raises(UsageError, match="folder of the photos itself"):
        run(out=folder / "inner" / "..")
    assert contents(folder) == before


def test_a_file_that_is_not_its_own_is_never_written_over(run, folder, out) -> None:
    out.mkdir()
    (out / "a.png").write_bytes(b"mine")
    (out / "b.png").symlink_to(folder / "b.jpg")
    before = contents(folder)
    assert run().all_done
    assert (out / "a.png").read_bytes() == b"mine"
    assert contents(folder) == before
    assert {"a-png.png", "b-jpg.png"} <= results(out)


def test_a_result_that_someone_worked_on_stays(run, out) -> None:
    run()
    (out / "a.png").write_bytes(b"retouched")
    assert run(again=True).all_done
    assert (out / "a.png").read_bytes() == b"retouched"
    assert "a-png.png" in results(out)


def test_steps_follow_one_another(run, engine) -> None:
    second = Step(EditKind.REMOVE, "lamp")
    outcome = run(Recipe((*RECIPE.steps, second)))
    assert outcome.all_done
    asked = [r for r in engine.asked if isinstance(r, SegmentRequest)][:2]
    assert [request.phrases for request in asked] == [("wooden bench",), ("lamp",)]
    assert tuple(asked[1].image[40, 40]) == (10, 200, 30, 255), "sees what the first one made"


def test_the_recipe_says_how_engines_are_asked(run, engine) -> None:
    step = replace(RECIPE.steps[0], seed=7, negative="rust", threshold=0.4)
    use = EngineUse("basic", "fast", {"a": "1"})
    run(Recipe((step,), select=use), settings=Settings(engine_options={"basic": {"b": "2"}}))
    find, edit = engine.asked[:2]
    assert isinstance(find, SegmentRequest) and isinstance(edit, EditRequest)
    assert (find.preset, find.threshold, find.options) == ("fast", 0.4, {"a": "1", "b": "2"})
    assert (edit.preset, edit.seed, edit.negative_prompt) == ("balanced", 7, "rust")
    assert edit.options == {"b": "2"} and edit.prompt == "metal bench"


# -- held and failed -------------------------------------------------------------------------------


def test_what_is_not_sure_enough_is_held_for_review(run, folder, out) -> None:
    write(folder / "inner" / "unsure.png", photo(5, sure=0.3))
    outcome = run()
    assert not outcome.all_done
    (held,) = [record for record in outcome.records if record.state is State.REVIEW]
    assert held.photo == "inner/unsure.png" and held.confidence == 0.3
    assert "0.30" in held.message and "0.50" in held.message
    assert held.made is not None and held.made.path == "review/inner/unsure.ora"
    assert not (out / "inner" / "unsure.png").exists()
    project = load_project(out / held.made.path)
    (mask,) = project.structure.masks
    assert mask.phrase == "wooden bench" and mask.score == 0.3 and not mask.accepted
    assert [layer.name for layer in project.structure.layers] == ["unsure"]


def test_what_is_not_found_is_held_with_the_guess(run, folder, out) -> None:
    write(folder / "grey.png", np.full((80, 120, 3), 128, np.uint8))
    outcome = run()
    assert states(outcome)["grey.png"] == "not found"
    project = load_project(out / "review" / "grey.ora")
    assert [mask.label for mask in project.structure.masks] == ["wooden bench"]
    record = next(r for r in outcome.records if r.photo == "grey.png")
    assert record.message == "No bench." and record.confidence is None


def test_a_broken_file_is_reported_and_skipped(run, folder, out) -> None:
    whole = (folder / "b.jpg").read_bytes()
    (folder / "aa broken.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.tif").write_text("no picture")
    (folder / "notes.txt").write_text("not looked at")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    outcome = run()
    failed = {r.photo: r.message for r in outcome.records if r.state is State.FAILED}
    assert set(failed) == {"aa broken.jpg", "empty.png", "text.tif", "gone.png"}
    assert all(message for message in failed.values())
    assert len(results(out)) == 4 and outcome.stopped is None


def test_what_one_photo_does_to_an_engine_is_that_photos_failure(run, engine, out) -> None:
    calls = iter([CannotDoError("Cannot.", "Else."), ValueError("odd"), MemoryError()])

    class Fails(dict):
        def get(self, key, default=None):
            return None if key == "*" else next(calls, None)

    engine.fails = Fails()
    outcome = run()
    messages = [r.message for r in outcome.records if r.state is State.FAILED]
    assert messages[0] == "Cannot. Else."
    assert "ValueError: odd" in messages[1] and "memory" in messages[2]
    assert len(results(out)) == 1


def test_a_missing_model_ends_the_batch(run, engine) -> None:
    engine.fails = {"*": EngineMissingError("No model.", "Get it.")}
    outcome = run()
    assert isinstance(outcome.stopped, EngineMissingError) and not outcome.records


@pytest.mark.parametrize(
    ("recipe", "error"),
    [
        (replace(RECIPE, select=EngineUse("none")), EngineMissingError),
        (replace(RECIPE, edit=EngineUse("none")), EngineMissingError),
    ],
)
def test_an_engine_that_is_not_there_is_told_at_once(run, recipe, error, out) -> None:
    with pytest.raises(error, match="none"):
        run(recipe)
    assert not out.exists()


def test_a_folder_without_photos_is_told_at_once(run, tmp_path, out) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(FileError, match="no photo"):
        run(folder=tmp_path / "none")
    with pytest.raises(FileError, match="is not there"):
        run(folder=tmp_path / "nowhere")
    with pytest.raises(FileError, match="is no folder"):
        run(folder=Path(__file__))
    assert not out.exists()


# -- going on --------------------------------------------------------------------------------------


def test_what_is_through_is_not_done_again(run, engine, folder, out) -> None:
    run()
    first, asked = contents(out), len(engine.asked)
    heard = Heard()
    outcome = run(listener=heard)
    assert outcome.all_done and outcome.settled == 4 and len(engine.asked) == asked
    assert heard.settled == sorted(NAMES) and not heard.records
    second = contents(out)
    assert {n: first[n] for n in results(out)} == {n: second[n] for n in results(out)}


def test_what_changed_is_done_again(run, folder, out) -> None:
    run()
    write(folder / "a.png", photo(77))
    (out / "b.png").unlink()
    heard = Heard()
    assert run(listener=heard).all_done
    assert [record.photo for record in heard.records] == ["a.png", "b.jpg"]
    assert results(out) == {str(Path(name).with_suffix(".png")) for name in NAMES}
    assert read(out / "a.png")[0, 100].tolist() == photo(77)[0, 100].tolist()


def test_again_does_everything_anew(run, engine, out) -> None:
    run()
    engine.colour = (1, 2, 3)
    outcome = run(again=True)
    assert outcome.settled == 0 and outcome.all_done
    assert read(out / "a.png")[40, 40].tolist() == [1, 2, 3]
    assert len(results(out)) == 4


def test_another_recipe_replaces_what_the_first_one_made(run, folder, out) -> None:
    write(folder / "unsure.png", photo(5, sure=0.3))
    run()
    assert "review/unsure.ora" in results(out)
    bold = replace(RECIPE.steps[0], least_confidence=0.1)
    outcome = run(replace(RECIPE, steps=(bold,), output=Output("tiff")))
    assert outcome.all_done and outcome.settled == 0
    assert results(out) == {str(Path(n).with_suffix(".tif")) for n in (*NAMES, "unsure.png")}


def test_its_name_does_not_make_a_recipe_another_one(run) -> None:
    run()
    assert run(replace(RECIPE, name="Metal")).settled == 4


def test_what_failed_is_tried_again(run, folder) -> None:
    good = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(good[:200])
    assert states(run())["a.png"] == "failed"
    (folder / "a.png").write_bytes(good)
    outcome = run()
    assert outcome.all_done and outcome.settled == 3


def test_cancelling_between_photos_keeps_what_is_through(run, out) -> None:
    cancel = CancelToken()

    class Stops(Heard):
        def recorded(self, record: Record) -> None:
            super().recorded(record)
            if len(self.records) == 2:
                cancel.cancel()

    outcome = run(cancel=cancel, listener=Stops())
    assert outcome.cancelled and len(outcome.records) == 2 and len(results(out)) == 2
    assert outcome.report is not None
    rest = run()
    assert rest.all_done and rest.settled == 2


def test_cancelling_within_a_photo_leaves_nothing_of_it(run, engine, out) -> None:
    cancel = CancelToken()

    class Stops(Heard):
        def progressed(self, status: Status) -> None:
            if status.photo == "b.jpg" and "→" in status.step:
                cancel.cancel()

    outcome = run(cancel=cancel, listener=Stops())
    assert outcome.cancelled and [r.photo for r in outcome.records] == ["a.png"]
    assert results(out) == {"a.png"}
    assert run().all_done


@pytest.mark.parametrize("moment", ["find 1", "edit 2", "after write 2", "after state 3"])
def test_killed_at_any_moment_it_goes_on_to_the_same_results(
    run, folder, out, tmp_path, moment
) -> None:
    """The process is killed for good, without a chance to clean up."""
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from ovedit.batch import ledger, run
        from ovedit.io import documents
        from tests.batch.conftest import RECIPE, find, FakeEngine, EngineInfo, EditKind
        moment, number = sys.argv[3].rsplit(" ", 1)
        counts = {}
        def pass_by(name):
            counts[name] = counts.get(name, 0) + 1
            if (name, counts[name]) == (moment, int(number)):
                os.kill(os.getpid(), signal.SIGKILL)
        class Engine(FakeEngine):
            def answer(self, *arguments):
                pass_by("find" if "Segment" in type(arguments[1]).__name__ else "edit")
                return super().answer(*arguments)
        save, put = documents.save_document, ledger.Ledger.put
        def saved(*arguments, **named):
            save(*arguments, **named)
            pass_by("after write")
        def recorded(self, record):
            put(self, record)
            pass_by("after state")
        documents.save_document, ledger.Ledger.put = saved, recorded
        engine = Engine((EngineInfo("basic", "Fake", True, frozenset(EditKind)),), find,
                        colour=(10, 200, 30))
        run.run_batch(RECIPE, Path(sys.argv[1]), Path(sys.argv[2]), engine)
        """
    )
    killed = tmp_path / "killed"
    arguments = [sys.executable, "-c", script, str(folder), str(killed), moment]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert run(out=killed).all_done
    assert run().all_done
    assert results(killed) == results(out)
    assert all(np.array_equal(read(killed / name), read(out / name)) for name in results(out))


def test_the_results_of_another_folder_are_left_alone(run, folder, out, tmp_path) -> None:
    run()
    before = contents(out)
    write(tmp_path / "others" / "a.png", photo(50))
    with pytest.raises(UsageError, match="holds the results of"):
        run(folder=tmp_path / "others")
    assert contents(out) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 99}', "\xff"])
def test_a_damaged_record_is_told(run, out, text) -> None:
    run()
    (out / "batch" / "state.json").write_text(text, encoding="latin-1")
    with pytest.raises(DamagedFileError, match=r"state\.json"):
        run()


# -- a disk that is full ---------------------------------------------------------------------------


@pytest.mark.parametrize("full_after", range(1, 12, 2))
def test_a_full_disk_ends_it_clearly_and_it_goes_on_later(
    run, out, folder, monkeypatch, full_after
) -> None:
    fsync, count = os.fsync, [0]

    def full(descriptor: int) -> None:
        count[0] += 1
        if count[0] > full_after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    before = contents(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        outcome = run()
    assert isinstance(outcome.stopped, FileError)
    assert "the disk is full" in str(outcome.stopped) and "goes on" in str(outcome.stopped)
    assert not list(out.rglob("*.tmp")), "nothing half written"
    assert all(record.state is State.DONE for record in outcome.records)
    assert run().all_done
    assert results(out) == {str(Path(name).with_suffix(".png")) for name in NAMES}
    assert contents(folder) == before


def test_a_place_that_cannot_be_written_is_told_before_any_work(run, engine, tmp_path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FileError, match="not a folder"):
        run(out=tmp_path / "file" / "out")
    assert not engine.asked


def test_two_batches_do_not_work_in_one_place(run, out) -> None:
    class Meanwhile(Heard):
        def recorded(self, record: Record) -> None:
            super().recorded(record)
            with pytest.raises(FileError, match="Another batch is at work"):
                run()

    heard = Meanwhile()
    assert run(listener=heard).all_done and len(heard.records) == 4
    assert run().settled == 4


# -- looking only ----------------------------------------------------------------------------------


def test_a_dry_run_selects_and_writes_nothing(run, engine, out, folder) -> None:
    before = contents(folder)
    outcome = run(select_only=True)
    assert outcome.all_done and set(states(outcome).values()) == {"found"}
    assert all(isinstance(request, SegmentRequest) for request in engine.asked)
    assert not out.exists() and outcome.report is None and contents(folder) == before


# -- being told ------------------------------------------------------------------------------------


def test_progress_says_photo_step_and_time_left(run) -> None:
    heard = Heard()
    run(listener=heard)
    assert heard.photos == sorted(NAMES)
    assert [status.total for status in heard.statuses] == [4] * len(heard.statuses)
    assert {status.done for status in heard.statuses} == {0, 1, 2, 3}
    first = [status for status in heard.statuses if status.done == 0]
    assert all(status.seconds_left is None for status in first)
    assert all(s.seconds_left is not None for s in heard.statuses if s.done)
    assert [s.step for s in first][:2] == ["Reading", "Looking for wooden bench"]
    assert [s.fraction for s in first] == sorted(s.fraction for s in first)


def test_the_record_is_plain_json(run, out) -> None:
    run()
    values = json.loads((out / "batch" / "state.json").read_text())
    assert {each["photo"] for each in values["photos"]} == set(NAMES)
    assert values["intended"] == {}


def test_the_engine_of_the_test_finds_as_told(engine) -> None:
    pixels = np.dstack((photo(1, sure=0.4), np.full((80, 120), 255, np.uint8)))
    answer = find("bench", SegmentRequest(pixels, ("bench",)))
    assert answer.found and answer.candidates[0].score == 0.4
