"""The command line: what is read, what is shown, and the exit codes."""

import csv
import io
import json
import math
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nelder
from nelder.errors import InvalidArgumentError
from nelder.result import Progress, Status

pytest.importorskip("cyclopts")
pytest.importorskip("rich")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")

from rich.console import Console  # noqa: E402

from nelder.cli import exits, main  # noqa: E402
from nelder.cli.display import PlainLines, Rate, duration, time_left  # noqa: E402
from nelder.cli.given import merged, read_given, read_problem_file, split  # noqa: E402
from nelder.cli.live import LiveDisplay  # noqa: E402
from nelder.cli.problem import Options, Problem  # noqa: E402
from nelder.cli.studies import Recorded, record, run_of  # noqa: E402
from nelder.cli.texts import (  # noqa: E402
    NamedParameter,
    read_file_pair,
    read_parameter,
    read_seconds,
)
from nelder.journal.lock import WriterLock  # noqa: E402
from nelder.search.subspaces import Subspaces  # noqa: E402

BOWL = "a, b = float(sys.argv[1]), float(sys.argv[2]); print((a - 1) ** 2 + (b + 2) ** 2)"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Work in an empty directory, in which there is a program and a module."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    program = tmp_path / "bowl"
    program.write_text(f"#!{sys.executable} -S\nimport sys\n{BOWL}\n")
    program.chmod(0o755)
    (tmp_path / "model_for_cli.py").write_text(
        "def bowl(p):\n    return (p['a'] - 1) ** 2 + (p['b'] + 2) ** 2\n"
        "def raises(p):\n    raise ArithmeticError('no steady state')\n"
        "def infinite(p):\n    return float('inf')\n"
        "def nothing(p):\n    pass\n"
        "def noisy(p):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    return bowl(p) + 0.3 * ((calls * 0.618034) % 1.0)\n"
        "calls = 0\n"
        "def many(p):\n    return sum((v - i) ** 2 for i, v in enumerate(p.values()))\n"
        "def falls(p):\n    return -p['a']\n"
        "def leaves(p):\n"
        "    import sys\n"
        "    return sys.exit('b is low') if p['b'] < -2.2 else bowl(p)\n"
        "SHAPE = 3\n"
    )
    yield
    sys.modules.pop("model_for_cli", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


PARAMETERS = ("-p", "a=0:3", "-p", "b=-1")
FUNCTION = ("run", "model_for_cli:bowl", *PARAMETERS)
PROGRAM = ("run", *PARAMETERS, "--", "./bowl", "{a}", "{b}")


@pytest.fixture
def nelder_command(capsys):
    """Call the command line; return its exit code, output and errors."""

    def call(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


# What is read


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("2.5", NamedParameter(2.5)),
        ("-1e-3", NamedParameter(-1e-3)),
        ("0:1", NamedParameter(0.5, 0.0, 1.0)),
        ("0.1:10", NamedParameter(0.1 + (10 - 0.1) / 2, 0.1, 10.0)),
        ("0:1:0.25", NamedParameter(0.25, 0.0, 1.0)),
        ("0::1", NamedParameter(1.0, 0.0, None)),
        (":0:-1", NamedParameter(-1.0, None, 0.0)),
        ("::1", NamedParameter(1.0)),
        ("-inf:inf:1", NamedParameter(1.0)),
        ("2:2", NamedParameter(2.0, 2.0, 2.0)),
        ("-1e308:1e308", NamedParameter(math.inf)),
    ][:-1],
)
def test_parameters(text, parameter):
    assert read_parameter("k", text) == parameter


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("k", "", "expected a start"),
        ("k", "0:", "expected a start"),
        ("k", ":", "expected a start"),
        ("k", "0:x", "'x' is no number"),
        ("k", "1:2:3:4", "expected low:high"),
        ("k", "2:1", "low bound is above"),
        ("k", "0:1:2", "start 2.0 is out of bounds"),
        ("k", "nan", "not nan"),
        ("k", "inf", "not inf"),
        ("k", "0:nan", "not nan"),
        ("k k", "1", "no name"),
        ("", "1", "no name"),
    ],
)
def test_parameters_that_are_none(name, text, said):
    with pytest.raises(InvalidArgumentError) as caught:
        read_parameter(name, text)
    assert f"parameter {name}={text}" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (3, 3.0),
        (0.5, 0.5),
        ("90", 90.0),
        ("90s", 90.0),
        ("1.5m", 90.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
    ],
)
def test_durations(given, seconds):
    assert read_seconds(given, "--timeout") == seconds


@pytest.mark.parametrize(
    "given", [0, -1, "", "x", "3x", "1:30", "1..5", "inf", math.inf, True, None]
)
def test_durations_that_are_none(given):
    with pytest.raises(InvalidArgumentError, match=r"--timeout=.*: expected a duration"):
        read_seconds(given, "--timeout")


def test_files(tmp_path):
    (tmp_path / "a.in").touch()
    path = str(tmp_path / "a.in")
    assert read_file_pair("a.in", str(tmp_path), "--template") == (path, "a.in")
    assert read_file_pair("a.in:sub/b", str(tmp_path), "--template") == (path, "sub/b")
    for text in ("", "nix", ":b"):
        with pytest.raises(InvalidArgumentError, match=r"--template .*no file"):
            read_file_pair(text, str(tmp_path), "--template")


def given(**raw):
    """What a file with these keys gives."""
    return read_given({key.replace("_", "-"): v for key, v in raw.items()}, ".", lambda key: key)


def test_a_problem_file(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/in.txt").write_text("{a} {b}\n")
    (tmp_path / "sub/data").write_text("x")
    (tmp_path / "sub/problem.toml").write_text(
        """
        command = ["cat", "in.txt"]
        value = 'regex:(\\S+)'
        template = ["in.txt"]
        input = ["data:deep/data"]
        timeout = "2m"
        on-failure = "stop"
        xatol = 1e-3
        [parameters]
        a = "0:2"
        b = { low = 0, start = 1 }
        c = 4
        [env]
        RATE = "{c}"
        """
    )
    problem, options = split(read_problem_file("sub/problem.toml"), str(tmp_path / "sub"))
    assert problem == Problem(
        parameters={
            "a": NamedParameter(1.0, 0.0, 2.0),
            "b": NamedParameter(1.0, 0.0, None),
            "c": NamedParameter(4.0),
        },
        program=("cat", "in.txt"),
        value="regex:(\\S+)",
        templates={"in.txt": "{a} {b}\n"},
        inputs={"deep/data": "data"},
        env={"RATE": "{c}"},
        model=True,
        xatol=1e-3,
    )
    assert options == Options(timeout=120.0, on_failure="stop")
    assert Problem.from_notes(json.loads(json.dumps(problem.as_notes()))) == problem


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"comand": ["a"]}, "comand is unknown: did you mean command?"),
        ({"zzz": 1}, "zzz is unknown: expected command, objective"),
        ({"command": "a {k}"}, "no shell splits it"),
        ({"command": [1]}, "expected a list of strings"),
        ({"objective": "a"}, "expected module:function"),
        ({"parameters": ["k"]}, "expected a table"),
        ({"parameters": {"k": [1]}}, "k = [1]: expected a start"),
        ({"parameters": {"k": {"lo": 1}}}, "expected numbers low, high and start"),
        ({"parameters": {"k": {"low": "1"}}}, "expected numbers low, high and start"),
        ({"parameters": {"k": {"low": 1}}}, "expected a start"),
        ({"parameters": {"k": True}}, "k = True: expected a start"),
        ({"value": 3}, "expected a string"),
        ({"value": "line"}, "value='line': expected stdout"),
        ({"env": {"A": 1}}, "A = 1: expected a string"),
        ({"fresh": 1}, "expected true or false"),
        ({"model": 1}, "model = 1: expected true or false"),
        ({"noise": "yes"}, "noise = 'yes': expected true or false"),
        ({"seed": -1}, "seed = -1: expected a whole number, 0 or above"),
        ({"jobs": 0}, "jobs = 0: expected a whole number, 1 or above"),
        ({"jobs": 1.5}, "jobs = 1.5: expected a whole number"),
        ({"maxfev": True}, "maxfev = True: expected a whole number"),
        ({"method": "simplex"}, "expected one of nelder-mead, k-worst"),
        ({"on_failure": "go"}, "expected one of raise, worst, stop"),
        ({"xatol": -1.0}, "expected a number, 0 or above"),
        ({"target": "low"}, "target = 'low': expected a number"),
        ({"template": ["nix"]}, "no file 'nix'"),
    ],
)
def test_a_problem_file_that_is_wrong(raw, said):
    with pytest.raises(InvalidArgumentError) as caught:
        given(**raw)
    assert said in str(caught.value)


def test_what_is_above_goes_before_and_tables_are_merged():
    below = given(parameters={"a": 1, "b": 2}, jobs=3, target=1.0)
    above = given(parameters={"b": 5}, jobs=4)
    both = merged(below, above)
    assert both["parameters"] == {"a": NamedParameter(1.0), "b": NamedParameter(5.0)}
    assert (both["jobs"], both["target"]) == (4, 1.0)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"command": ["a"]}, "no parameters"),
        ({"parameters": {"k": 1}}, "expected an objective"),
        ({"parameters": {"k": 1}, "command": ["a"], "objective": "a:b"}, "expected an objective"),
        ({"parameters": {"k": 1}, "objective": "a:b", "env": {"A": "1"}}, "env: expected only"),
        ({"parameters": {"k": 1}, "command": ["a"], "k": 2}, "k=2: expected only"),
        (
            {"parameters": {"k": 1}, "command": ["a"], "method": "k-worst", "model": True},
            "model=True: expected only with the method nelder-mead",
        ),
        (
            {"parameters": {"k": 1}, "command": ["a"], "method": "subspaces", "noise": True},
            "noise=True: expected only with the method nelder-mead",
        ),
        ({"parameters": {"k": 1}, "command": ["a"], "seed": 3}, "seed=3: expected only with noise"),
    ],
)
def test_what_does_not_fit_together(raw, said):
    with pytest.raises(InvalidArgumentError) as caught:
        split(given(**raw), ".")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "model"),
    [
        ({}, True),
        ({"model": False}, False),
        ({"method": "nelder-mead"}, True),
        ({"noise": True}, False),
        ({"noise": True, "seed": 4, "model": True}, True),
        ({"method": "k-worst"}, False),
        ({"method": "k-worst", "model": False}, False),
        ({"method": "subspaces"}, False),
    ],
)
def test_model_steps_are_taken_where_a_program_is_searched_by_a_simplex(raw, model):
    problem, _ = split(given(parameters={"k": 1}, command=["a"], **raw), ".")
    assert problem.model is model
    assert (problem.noise, problem.seed) == (raw.get("noise", False), raw.get("seed", 0))


@pytest.mark.parametrize(("free", "model"), [(32, True), (33, False)])
def test_surfaces_of_many_parameters_are_fitted_only_on_demand(free, model):
    parameters = {f"x{i}": 1 for i in range(free)} | {"fixed": "2:2"}
    raw = given(parameters=parameters, command=["a"])
    assert split(raw, ".")[0].model is model
    assert split(raw | {"model": True}, ".")[0].model


def test_the_method_is_what_is_said():
    parameters = {"a": NamedParameter(1.0)}
    plain = Problem(parameters, xatol=1e-3).searcher()
    assert (type(plain), plain.model, plain.noise) == (nelder.NelderMead, False, False)
    assert plain.convergence == nelder.Tolerance(1e-3, 1e-8)
    noisy = Problem(parameters, noise=True, seed=7).searcher()
    assert (noisy.noise, noisy.seed, noisy.model) == (True, 7, False)
    assert Problem(parameters, model=True).searcher().model
    assert type(Problem(parameters, method="k-worst", k=1).searcher()) is nelder.KWorst
    assert type(Problem(parameters, method="subspaces").searcher()) is Subspaces


def test_a_study_of_an_older_version_says_nothing_of_model_steps():
    notes = Problem({"a": NamedParameter(1.0)}, ("a",), model=True, noise=True).as_notes()
    for name in ("model", "noise", "seed"):
        del notes[name]
    older = Problem.from_notes(json.loads(json.dumps(notes)))
    assert (older.model, older.noise, older.seed) == (False, False, 0)


def test_going_on_with_a_study_of_an_older_version(nelder_command, monkeypatch):
    run = (*FUNCTION, "--study", "s.db")
    as_notes = Problem.as_notes

    def older(problem):
        notes = as_notes(problem)
        return {name: notes[name] for name in notes if name not in ("model", "noise", "seed")}

    with monkeypatch.context() as patch:
        patch.setattr(Problem, "as_notes", older)
        nelder_command(*run, "--maxfev", "20", "--no-model")
    settings = nelder.load("s.db")["main"].settings["method"]
    assert not {"model", "noise", "seed"} & settings.keys()  # as in an older version
    nelder_command("resume", "s.db", "--maxfev", "30")
    code, out, err = nelder_command(*run, "--json")  # model steps are not taken unasked
    assert (code, err) == (exits.DONE, "")
    whole = nelder_command(*FUNCTION, "--no-model", "--json")[1]
    end, undisturbed = (json.loads(text.splitlines()[-1]) for text in (out, whole))
    assert (end["nfev"], end["x"]) == (undisturbed["nfev"], undisturbed["x"])
    code, _, err = nelder_command(*run, "--model")
    assert code == exits.JOURNAL
    assert "method.model: recorded nothing, now True" in err


def test_k_is_settled_once_so_that_other_numbers_of_jobs_go_on_with_it():
    parameters = {f"x{i}": 1.0 for i in range(16)}
    raw = given(parameters=parameters, command=["a"], method="k-worst", jobs=3)
    assert split(raw, ".")[0].k == nelder.KWorst.rule_of_thumb(16, 3) == 3


# Running


def test_a_program(nelder_command):
    code, out, err = nelder_command(*PROGRAM)
    assert (code, err) == (exits.DONE, "")
    first, *rest = out.splitlines()
    assert first == "study bowl.db: ./bowl {a} {b}"
    assert "converged: the simplex and its values are within the tolerances" in rest
    assert rest[-1] == "study bowl.db"
    found = nelder.load("bowl.db")["main"].best
    assert f"  value  {found.value!r}" in rest
    assert found.x == pytest.approx([1.0, -2.0], abs=1e-6)


def test_a_function(nelder_command):
    code, out, err = nelder_command(*FUNCTION)
    assert (code, err) == (exits.DONE, "")
    assert out.startswith("study bowl.db: model_for_cli:bowl\n")
    python = nelder.minimize(
        lambda p: (p["a"] - 1) ** 2 + (p["b"] + 2) ** 2,
        {"a": 1.5, "b": -1.0},
        bounds={"a": (0, 3)},
        method=nelder.NelderMead(model=True),
    )
    assert f"  a      {python.x['a']!r}\n" in out
    assert f"{python.nfev} evaluations" in out


def test_a_problem_file_runs_and_the_command_line_goes_before_it(nelder_command, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "bowl").rename(tmp_path / "sub/bowl")
    (tmp_path / "sub/problem.toml").write_text(
        'command = ["./bowl", "{a}", "{b}"]\nmaxfev = 9\n[parameters]\na = "0:3"\nb = -1\n'
    )
    code, out, _ = nelder_command("run", "sub/problem.toml")
    assert code == exits.BUDGET
    assert "\n9 evaluations" in out
    code, out, _ = nelder_command("run", "sub/problem.toml", "--maxfev", "11", "-p", "b=-2:2")
    assert code == exits.BUDGET
    assert "study bowl-2.db: " in out
    assert "\n11 evaluations" in out
    assert nelder.load("bowl-2.db")["main"].settings["lower"] == [0.0, -2.0]


def test_new_studies_never_overwrite(nelder_command, tmp_path):
    (tmp_path / "bowl.db").write_text("dear data")
    _, out, _ = nelder_command(*FUNCTION, "--maxfev", "3")
    assert "study bowl-2.db" in out
    assert (tmp_path / "bowl.db").read_text() == "dear data"


def test_the_method_reaches_the_search(nelder_command):
    options = ("--method", "k-worst", "--k", "1", "--xatol", "0.1", "--fatol", "0.2")
    code, _, _ = nelder_command(*FUNCTION, *options)
    assert code == exits.DONE
    method = nelder.load("bowl.db")["main"].settings["method"]
    assert (method["type"], method["k"]) == ("KWorst", 1)
    assert method["convergence"]["xatol"] == 0.1
    assert method["convergence"]["fatol"] == 0.2


def test_model_steps_are_told(nelder_command):
    _, out, _ = nelder_command(*FUNCTION, "--json")
    end = json.loads(out.splitlines()[-1])
    assert end["nmodel"] >= end["nmodel_better"] > 0
    assert "noise" not in end
    told = f"{end['nmodel']} model steps ({end['nmodel_better']} better)"
    _, out, _ = nelder_command(*FUNCTION)
    assert f"\n{end['nfev']} evaluations, {told}, " in out
    _, out, _ = nelder_command("show", "bowl.db")
    assert f"evaluations  {end['nfev']}, {told}\n" in out
    facts = json.loads(nelder_command("show", "bowl.db", "--json")[1])
    assert (facts["nmodel"], facts["nmodel_better"]) == (end["nmodel"], end["nmodel_better"])


def test_no_model_steps_where_they_are_not_wanted(nelder_command):
    _, out, _ = nelder_command(*FUNCTION, "--no-model", "--json")
    end = json.loads(out.splitlines()[-1])
    assert "nmodel" not in end
    python = nelder.minimize(
        lambda p: (p["a"] - 1) ** 2 + (p["b"] + 2) ** 2,
        {"a": 1.5, "b": -1.0},
        bounds={"a": (0, 3)},
    )
    assert (end["nfev"], end["x"]) == (python.nfev, python.x)


def test_noise(nelder_command):
    options = ("--noise", "--seed", "5", "--maxfev", "200")
    _, out, _ = nelder_command("run", "model_for_cli:noisy", *PARAMETERS, *options, "--json")
    end = json.loads(out.splitlines()[-1])
    assert 0.02 < end["noise"] < 0.5
    assert end["nrepeat"] > 0
    assert 0.0 < end["fun_error"] < end["noise"]
    assert nelder.load("noisy.db")["main"].settings["method"]["seed"] == 5
    _, out, _ = nelder_command("show", "noisy.db")
    assert f"{end['nrepeat']} repeated" in out
    assert f"values       noise {end['noise']:.2g} (standard deviation of one value)" in out
    _, out, _ = nelder_command(*FUNCTION, *options)
    assert "\nno noise: the same point gave the same value\n" in out


def test_a_study_with_noise_goes_on_and_is_shown_as_it_was_planned_last(nelder_command):
    run = ("run", "model_for_cli:noisy", *PARAMETERS, "--noise", "--study", "s.db", "--json")
    ends = []
    for command in (
        (*run, "--maxfev", "70"),
        ("resume", "s.db", "--maxfev", "120", "--json"),
        ("resume", "s.db", "--maxfev", "120", "--json"),
    ):
        ends.append(json.loads(nelder_command(*command)[1].splitlines()[-1]))
        facts = json.loads(nelder_command("show", "s.db", "--json")[1])
        shared = ("x", "fun", "nfev", "status", "noise", "nrepeat", "fun_error")
        assert [facts[name] for name in shared] == [ends[-1][name] for name in shared]
    assert [end["nfev"] for end in ends] == [70, 120, 120]
    assert ends[1] | {"elapsed": 0} == ends[2] | {"elapsed": 0}  # nothing was evaluated
    _, out, _ = nelder_command("show", "s.db")
    assert f"best value   {ends[-1]['fun']!r}\n" in out  # not that of the luckiest
    assert ends[-1]["fun"] > nelder.load("s.db")["main"].best.value
    assert [study.name for study in nelder.load("s.db").studies] == [
        *("nelder run", "main", "nelder resume 1")
    ]


def test_a_hint_where_there_are_many_parameters(nelder_command):
    many = [word for i in range(12) for word in ("-p", f"x{i}=1")]
    run = ("run", "model_for_cli:many", "--maxfev", "30")
    _, _, err = nelder_command(*run, *many)
    assert err == "nelder: with 12 parameters, --method subspaces is likely to be quicker\n"
    for quiet in (("--method", "nelder-mead"), ("--method", "subspaces"), ("--noise",)):
        assert nelder_command(*run, *many, *quiet)[2] == ""
    assert nelder_command(*run, *many, "-p", "x12=1:1")[2] == err
    assert nelder_command(*run, *many[2:])[2] == ""


def test_subspaces(nelder_command):
    many = [word for i in range(12) for word in ("-p", f"x{i}=1")]
    run = ("run", "model_for_cli:many", *many, "--method", "subspaces", "--study", "s.db")
    assert nelder_command(*run, "--maxfev", "100")[0] == exits.BUDGET
    code, out, _ = nelder_command("resume", "s.db", "--maxfev", "9000", "--json")
    assert code == exits.DONE
    end = json.loads(out.splitlines()[-1])
    assert end["fun"] < 1e-8
    assert nelder.load("s.db")["main"].settings["method"]["type"] == "Subspaces"


def test_json_lines(nelder_command):
    code, out, err = nelder_command(*FUNCTION, "--json", "--target", "0.5")
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["begin", "end"]
    assert {event["event"] for event in events[1:-1]} <= {"progress"}
    assert events[0]["parameters"] == {
        "a": {"start": 1.5, "low": 0.0, "high": 3.0},
        "b": {"start": -1.0, "low": None, "high": None},
    }
    end = events[-1]
    assert (end["status"], end["success"], end["exit_code"]) == ("TARGET", True, 0)
    assert end["fun"] <= 0.5
    assert set(end["x"]) == {"a", "b"}


def test_going_on_with_a_study(nelder_command):
    whole = json.loads(nelder_command(*FUNCTION, "--json")[1].splitlines()[-1])
    code, out, _ = nelder_command(*PROGRAM[:1], "--maxfev", "20", *PROGRAM[1:])
    assert code == exits.BUDGET
    assert out.endswith("go on with:  nelder resume bowl-2.db --maxfev 40\n")
    code, out, _ = nelder_command("resume", "bowl-2.db", "--maxfev", "40", "--jobs", "2")
    assert code == exits.BUDGET
    code, out, _ = nelder_command("resume", "bowl-2.db", "--maxfev", "1000", "--json")
    assert code == exits.DONE
    end = json.loads(out.splitlines()[-1])
    assert (end["x"], end["fun"], end["nfev"]) == (whole["x"], whole["fun"], whole["nfev"])


def test_run_with_a_study_that_exists_goes_on_with_it(nelder_command):
    study = ("--study", "mine.db")
    assert nelder_command(*FUNCTION, *study, "--maxfev", "10")[0] == exits.BUDGET
    assert nelder_command(*FUNCTION, *study)[0] == exits.DONE
    rows = nelder.load("mine.db")["main"].evaluations
    assert len({x.tobytes() for x in rows.X}) == len(rows)


def test_a_study_of_another_problem_is_refused(nelder_command):
    nelder_command(*FUNCTION, "--study", "mine.db", "--maxfev", "5")
    code, _, err = nelder_command(*FUNCTION, "-p", "b=-1:1:0", "--study", "mine.db")
    assert code == exits.USAGE  # b is given twice
    code, _, err = nelder_command(
        "run", "model_for_cli:bowl", "-p", "a=0:3", "-p", "b=-2", "--study", "mine.db"
    )
    assert code == exits.JOURNAL
    assert "x0[1]: recorded -1.0, now -2.0" in err


def test_resuming_from_another_directory_and_with_another_timeout(
    nelder_command, tmp_path, monkeypatch
):
    nelder_command(*PROGRAM[:1], "--maxfev", "5", "--input", "bowl:data", *PROGRAM[1:])
    monkeypatch.chdir("/")
    code, _, err = nelder_command("resume", str(tmp_path / "bowl.db"), "--maxfev", "8")
    assert (code, err) == (exits.BUDGET, "")
    tmp_path.rename(f"{tmp_path}-moved")
    file = f"{tmp_path}-moved/bowl.db"
    code, _, err = nelder_command("resume", file, "--maxfev", "11", "--timeout", "9")
    assert (code, err) == (exits.BUDGET, "")
    assert len(nelder.load(file)["main"].evaluations) == 11


def test_a_study_whose_data_have_changed_is_refused(nelder_command, tmp_path):
    (tmp_path / "data").write_text("1")
    nelder_command(*PROGRAM[:1], "--maxfev", "5", "--input", "data", *PROGRAM[1:])
    (tmp_path / "data").write_text("2")
    code, _, err = nelder_command("resume", "bowl.db")
    assert code == exits.JOURNAL
    assert "objective.inputs[0].digest: recorded" in err


# Failing


def test_a_program_that_never_works_ends_soon_and_says_why(nelder_command):
    code, out, _ = nelder_command(
        "run", "-p", "k=0:1", "--", sys.executable, "-c", "import nix_nix  # {k}"
    )
    assert code == exits.FAILED
    assert "failed: at each of the first points, so the run is ended: exit code 1: Module" in out
    assert "  | ModuleNotFoundError: No module named 'nix_nix'" in out
    assert "go on" not in out


def test_what_it_lacks_in_a_fresh_directory_is_hinted_at(nelder_command, tmp_path):
    (tmp_path / "in.txt").write_text("{k}")
    code, out, _ = nelder_command(
        "run", "-p", "k=0:1", "--template", "in.txt", "--", "cat", "in.txt", "data"
    )
    assert code == exits.FAILED
    assert "in a directory of its own, with in.txt; --input puts other files there" in out


def test_a_function_that_never_works(nelder_command):
    code, out, _ = nelder_command("run", "model_for_cli:raises", *PARAMETERS)
    assert code == exits.FAILED
    assert "so the run is ended: ArithmeticError('no steady state')" in out


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_function_that_exits_fails_at_that_point(nelder_command, jobs):
    pytest.importorskip("pebble")
    code, out, _ = nelder_command(
        *("run", "model_for_cli:leaves", *PARAMETERS, "--study", "s.db", "--jobs", jobs)
    )
    assert code == exits.DONE
    failures = nelder.load("s.db")["main"].failures
    assert len(failures)
    assert set(failures.messages) == {"SystemExit('b is low')"}
    assert "in leaves" in failures.details[0]
    code, out, _ = nelder_command(
        *("run", "model_for_cli:leaves", *PARAMETERS, "--on-failure", "raise", "--jobs", jobs)
    )
    assert code == exits.FAILED
    assert "\nfailed: SystemExit('b is low')\n" in out


def test_a_module_that_exits_is_told(nelder_command, tmp_path):
    (tmp_path / "leaving_for_cli.py").write_text("import sys\nsys.exit('no licence')\n")
    code, _, err = nelder_command("run", "leaving_for_cli:f", "-p", "k=1")
    assert code == exits.USAGE
    assert "importing it raised SystemExit('no licence')" in err


def test_infinite_values_are_no_failures(nelder_command):
    code, out, _ = nelder_command("run", "model_for_cli:infinite", *PARAMETERS)
    assert code == exits.FAILED
    assert "failed: no finite value was found" in out


def test_an_objective_that_falls_without_end(nelder_command):
    code, out, _ = nelder_command("run", "model_for_cli:falls", "-p", "a=1", "-p", "b=1")
    assert code == exits.FAILED
    assert "unbounded below" in out


@pytest.mark.parametrize("policy", ["raise", "stop"])
def test_the_first_failure_ends_the_run_where_that_is_wanted(policy, nelder_command):
    fail = f"{BOWL}; sys.exit('b is low' if b < -1.4 else 0)"
    code, out, _ = nelder_command(
        *("run", *PARAMETERS, "--on-failure", policy, "--study", "s.db", "--"),
        *(sys.executable, "-c", f"import sys; {fail}", "{a}", "{b}"),
    )
    assert code == exits.FAILED
    assert "\nfailed: exit code 1: b is low\n" in out
    assert "  | b is low\n" in out
    assert out.endswith("go on with:  nelder resume s.db\n")


def test_a_function_that_returns_nothing(nelder_command):
    code, out, _ = nelder_command("run", "model_for_cli:nothing", *PARAMETERS)
    assert code == exits.FAILED
    assert "returned None" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "no parameters"),
        (["run", "-p", "k=1"], "expected an objective"),
        (["run", "-p", "k"], "-p k: expected name="),
        (["run", "-p", "k=1", "-p", "k=2"], "-p k: expected each name once"),
        (["run", "--env", "A"], "--env A: expected name="),
        (["run", "-p", "k=1", "--", "./nix", "{k}"], "no program ./nix"),
        (["run", "-p", "k=1", "--", "./bowl", "{q}"], "no parameter for the placeholder {q}"),
        (["run", "-p", "k=1", "./bowl", "--q", "{k}"], "stand behind  --"),
        (["run", "-p", "k=1", "nix.toml"], "cannot read nix.toml"),
        (["run", "-p", "k=1", "nix_nix:f"], "no module 'nix_nix'"),
        (["run", "-p", "k=1", "model_for_cli:f"], "no function 'f'"),
        (["run", "-p", "k=1", "model_for_cli.py:bowl"], "expected model_for_cli:bowl"),
        (["run", "-p", "k=1", "--study", "", "model_for_cli:bowl"], "--study = '': expected the"),
        (["run", "-p", "k=1", "model_for_cli:SHAPE"], "no function 'SHAPE'"),
        (["run", "-p", "k=1", "--jobs", "x", "--", "./bowl"], "--jobs"),
        (["run", "-p", "k=1", "--jobs", "0", "--", "./bowl", "{k}"], "--jobs = 0"),
        (["run", "--maxfve", "3"], "--maxfev"),
        (["runn"], "run"),
        (["show"], "FILE"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(arguments, said, nelder_command, tmp_path):
    before = sorted(os.listdir(tmp_path))
    code, out, err = nelder_command(*arguments)
    assert (code, out) == (exits.USAGE, "")
    assert err.startswith("nelder: ")
    assert said in err
    assert [name for name in sorted(os.listdir(tmp_path)) if name != "__pycache__"] == before


def test_a_module_that_raises(nelder_command, tmp_path):
    (tmp_path / "model_for_cli.py").write_text("import nix_nix\n")
    code, _, err = nelder_command(*FUNCTION)
    assert code == exits.USAGE
    assert "importing it raised ModuleNotFoundError" in err


@pytest.mark.parametrize("command", ["resume", "show", "export"])
@pytest.mark.parametrize("file", ["nix.db", "bowl", "."])
def test_studies_that_are_none(command, file, nelder_command):
    more = ["--csv", "-"] if command == "export" else []
    code, out, err = nelder_command(command, file, *more)
    assert (code, out) == (exits.JOURNAL, "")
    assert err.startswith("nelder: cannot read ")


def test_a_study_that_cannot_be_made(nelder_command):
    code, _, err = nelder_command(*FUNCTION, "--study", "nix/a.db")
    assert code == exits.JOURNAL
    assert "no folder" in err


def test_studies_of_python_are_shown_but_not_resumed(nelder_command):
    nelder.minimize(lambda x: float(x @ x), [1.0, 2.0], maxfev=9, journal="python.db")
    code, out, _ = nelder_command("show", "python.db")
    assert code == exits.DONE
    assert "with nelder.minimize" in out
    assert "evaluations  9" in out
    code, _, err = nelder_command("resume", "python.db")
    assert code == exits.JOURNAL
    assert "not made by  nelder run" in err


# Showing


def test_show(nelder_command):
    nelder_command(*FUNCTION, "--maxfev", "20")
    code, out, _ = nelder_command("show", "bowl.db")
    assert code == exits.DONE
    assert "status       not ended\n" in out
    assert "evaluations  20, " in out
    assert "go on with   nelder resume bowl.db" in out
    nelder_command("resume", "bowl.db", "--maxfev", "1000")
    best = nelder.load("bowl.db")["main"].best
    _, out, _ = nelder_command("show", "bowl.db")
    assert "status       converged" in out
    assert f"best value   {best.value!r}\n    a          {float(best.x[0])!r}\n" in out
    assert "go on" not in out


def test_show_as_json(nelder_command):
    nelder_command(*FUNCTION, "--maxfev", "20")
    facts = json.loads(nelder_command("show", "bowl.db", "--json")[1])
    assert (facts["ended"], facts["nfev"], facts["evaluations"]) == (False, 20, 20)
    nelder_command("resume", "bowl.db", "--maxfev", "1000")
    facts = json.loads(nelder_command("show", "bowl.db", "--json")[1])
    assert (facts["ended"], facts["status"]) == (True, "CONVERGED")
    assert facts["x"]["a"] == pytest.approx(1.0, abs=1e-6)


def test_show_says_who_writes(nelder_command):
    nelder_command(*FUNCTION, "--maxfev", "20")
    assert json.loads(nelder_command("show", "bowl.db", "--json")[1])["writer"] is None
    lock = WriterLock(os.path.realpath("bowl.db"))
    for _ in range(2):  # looking does not take it away
        _, out, _ = nelder_command("show", "bowl.db")
        assert "  status       running\n" in out
        assert f"  written by   this process, process {os.getpid()} of " in out
        assert "go on with" not in out
    writer = json.loads(nelder_command("show", "bowl.db", "--json")[1])["writer"]
    assert (writer["pid"], writer["host"]) == (os.getpid(), socket.gethostname())
    assert 0.0 <= time.time() - writer["since"] < 60.0
    lock.release()
    _, out, _ = nelder_command("show", "bowl.db")
    assert "  status       not ended\n" in out
    assert "written by" not in out
    os.unlink("bowl.db-lock")
    assert "written by" not in nelder_command("show", "bowl.db")[1]
    assert not os.path.exists("bowl.db-lock")


def test_show_says_who_writes_a_study_of_python(nelder_command):
    nelder.minimize(lambda x: float(x @ x), [1.0, 2.0], maxfev=9, journal="python.db")
    assert "the same call again" in nelder_command("show", "python.db")[1]
    lock = WriterLock(os.path.realpath("python.db"))
    _, out, _ = nelder_command("show", "python.db")
    assert f"process {os.getpid()} of " in out
    assert "the same call again" not in out
    lock.release()


def test_a_study_that_did_not_get_as_far_as_an_evaluation(nelder_command):
    """Its run was recorded, and then killed."""
    Path("s.db").touch()
    for command in (["show"], ["resume"], ["export", "--csv", "-"], ["plot", "a.png"]):
        code, _, err = nelder_command(command[0], "s.db", *command[1:])
        assert code == exits.JOURNAL
        assert "not made by" not in err
    nelder_command(*FUNCTION, "--study", "whole.db")
    record("s.db", run_of(nelder.load("whole.db")))
    code, out, _ = nelder_command("show", "s.db")
    assert code == exits.DONE
    assert "nothing evaluated yet" in out
    assert "go on with   nelder resume s.db" in out
    assert nelder_command("export", "s.db", "--csv", "-")[0] == exits.DONE
    assert nelder_command("plot", "s.db", "a.png")[0] == exits.USAGE
    assert nelder_command("resume", "s.db")[0] == exits.DONE
    whole, resumed = (nelder.load(name)["main"].evaluations for name in ("whole.db", "s.db"))
    assert whole.X.tobytes() == resumed.X.tobytes()


@pytest.mark.parametrize(
    ("program", "title"),
    [
        (("./simulate", "--k", "{k}", "{c:.3e}"), "./simulate --k {k} {c:.3e}"),
        (("sh", "-c", "cat {f} >&2; echo 1"), "sh -c 'cat {f} >&2; echo 1'"),
        (("echo", "", "a b", "a'b", "$HOME"), """echo '' 'a b' 'a'"'"'b' '$HOME'"""),
    ],
)
def test_the_title_is_what_a_shell_would_be_given(program, title):
    assert Problem({}, program).title == title


def test_show_failures(nelder_command):
    fail = f"{BOWL}; sys.exit('b is low' if b < -2.2 else 0)"
    program = (sys.executable, "-c", f"import sys; {fail}", "{a}", "{b}")
    code, out, _ = nelder_command("run", *PARAMETERS, "--study", "s.db", "--", *program)
    assert code == exits.DONE
    failed = len(nelder.load("s.db")["main"].failures)
    assert failed > 0
    assert f", {failed} failed, " in out
    _, out, _ = nelder_command("show", "s.db")
    assert f"failures:\n{failed:>8}  exit code: exit code 1: b is low\n" in out
    assert "status       converged" in out  # with failures, the record tells as much
    _, out, _ = nelder_command("show", "s.db", "--failures")
    assert f"failure {failed} of {failed}, attempt 1, after " in out
    assert "\n  | --- stderr\n  | b is low\n" in out


def test_plot(nelder_command, tmp_path):
    pytest.importorskip("matplotlib")
    nelder_command(*FUNCTION, "--maxfev", "20")
    code, out, err = nelder_command("plot", "bowl.db", "bowl.png")
    assert (code, out, err) == (exits.DONE, "bowl.png\n", "")
    assert (tmp_path / "bowl.png").read_bytes().startswith(b"\x89PNG")
    nelder.minimize(lambda x: float(x @ x), [1.0, 2.0], maxfev=9, journal="python.db")
    assert nelder_command("plot", "python.db", "python.svg")[0] == exits.DONE
    text = (tmp_path / "python.svg").read_text()
    assert "<svg" in text
    assert nelder_command("plot", "bowl.db", "b.SVG", "-p", "b")[0] == exits.DONE
    assert "<!-- b -->" in (tmp_path / "b.SVG").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bowl.db", "bowl.db"], "bowl.db: expected another file than the study"),
        (["bowl.db", "bowl"], "expected another file"),
        (["bowl.db", "a.nix"], "a.nix: expected a name that ends in one of"),
        (["bowl.db", "png"], "expected a name that ends in one of"),
        (["bowl.db", "nix/a.png"], "cannot write nix/a.png"),
        (["bowl.db", "a.png", "-p", "c"], "there is no 'c': expected of a, b"),
    ],
)
def test_pictures_that_cannot_be_drawn(arguments, said, nelder_command):
    pytest.importorskip("matplotlib")
    nelder_command(*FUNCTION, "--maxfev", "3")
    Path("bowl").unlink()
    os.link("bowl.db", "bowl")
    code, out, err = nelder_command("plot", *arguments)
    assert (code, out) == (exits.USAGE, "")
    assert said in err
    assert len(nelder.load("bowl.db")["main"].evaluations) == 3


def test_export(nelder_command, tmp_path):
    nelder_command(*FUNCTION, "--maxfev", "12")
    code, out, _ = nelder_command("export", "bowl.db", "--csv", "out.csv")
    assert (code, out) == (exits.DONE, "out.csv: 12 evaluations\n")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    recorded = nelder.load("bowl.db")["main"].evaluations
    assert [float(row["a"]) for row in rows] == recorded.X[:, 0].tolist()
    assert [float(row["value"]) for row in rows] == recorded.values.tolist()
    assert {row["failure"] for row in rows} == {""}
    _, out, _ = nelder_command("export", "bowl.db", "--csv", "-")
    assert out == (tmp_path / "out.csv").read_text()


def test_export_of_failures_and_of_names_that_are_columns(nelder_command):
    nelder_command(
        *("run", "-p", "value=0:1", "--study", "s.db", "--"),
        *("sh", "-c", "echo oh >&2; exit 3 # {value}"),
    )
    rows = list(csv.DictReader(io.StringIO(nelder_command("export", "s.db", "--csv", "-")[1])))
    assert {row["failure"] for row in rows} == {"exit code"}
    assert {row["value_"] for row in rows} == {""}
    assert float(rows[0]["value"]) == 0.5


def test_export_spares_the_study(nelder_command, tmp_path):
    nelder_command(*FUNCTION, "--maxfev", "3")
    code, _, err = nelder_command("export", "bowl.db", "--csv", "bowl.db")
    assert code == exits.USAGE
    assert "another file than the study" in err
    code, _, err = nelder_command("export", "bowl.db", "--csv", "nix/out.csv")
    assert code == exits.USAGE
    assert "cannot write" in err
    assert len(nelder.load("bowl.db")["main"].evaluations) == 3


# Displays


def progress(**changes):
    """A search under way."""
    return Progress(
        **{
            "status": Status.RUNNING,
            "x": {"a": 1.0, "b": -2.0},
            "fun": 0.25,
            "nfev": 10,
            "nit": 4,
            "nfailed": 0,
            "running": 0,
            "nahead": 0,
            "size": 0.5,
            "elapsed": 2.0,
            **changes,
        }
    )


RUN = Recorded(
    Problem(
        {
            "a": NamedParameter(1.0, 0.0, 2.0),
            "b": NamedParameter(-1.0),
            "c": NamedParameter(1, 1, 1),
        },
        program=("./simulate", "[{a}]", "{b}"),
    ),
    Options(maxfev=110),
    "/",
)


def drawn(*seen):
    """What a terminal shows after these."""
    display = LiveDisplay()
    console = Console(width=100, file=io.StringIO(), color_system=None)
    display._run = RUN
    for now in seen:
        display.update(now)
    console.print(display._drawn())
    return console.file.getvalue()


def test_a_live_display():
    shown = drawn(
        progress(nfev=0, fun=math.inf, elapsed=0.0),
        progress(x={"a": 1.5, "b": -2.0, "c": 1.0}, running=3, nahead=2, nfailed=1),
    )
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0] == "  best  0.25"
    assert lines[1] == "  a     1.5   0 ──────────────●───── 2"
    assert lines[2] == "  b     -2"
    assert lines[3] == "  c     1     fixed"
    assert lines[4].startswith("10 evaluations   3 running   2 ahead   1 failed   6/s   2.0 s")
    assert "at most 17 s left" in lines[4]


def test_a_live_display_before_there_is_a_value():
    assert "starting" in drawn()
    assert "no value yet" in drawn(progress(fun=math.inf, nfev=1))


def test_many_parameters_are_not_all_drawn():
    many = {f"x{i}": float(i) for i in range(40)}
    run = Recorded(Problem({name: NamedParameter(1.0) for name in many}), Options(), "/")
    display = LiveDisplay()
    display._run = run
    display.update(progress(x=many))
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(display._drawn())
    assert "x15" in console.file.getvalue()
    assert "24 more" in console.file.getvalue()


def test_plain_lines(capsys):
    display = PlainLines()
    with display.showing("s.db", RUN):
        for now in (
            progress(elapsed=0.5),  # too early
            progress(elapsed=1.5, fun=math.inf),
            progress(elapsed=2.0),
            progress(elapsed=4.0),  # nothing new
            progress(elapsed=70.0, nfailed=2),
            progress(elapsed=3700.0, fun=0.125, nfev=1),
        ):
            display.update(now)
    assert capsys.readouterr().out.splitlines() == [
        "study s.db: ./simulate [{a}] {b}",
        "   2.0 s  10 evaluations  best 0.25 at a=1 b=-2",
        "1 min 10 s  10 evaluations, 2 failed  best 0.25 at a=1 b=-2",
        "1 h 1 min  1 evaluation  best 0.125 at a=1 b=-2",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.6, "1 min 0 s"),
        (3599.0, "59 min 59 s"),
        (7260.0, "2 h 1 min"),
        (200000.0, "2 d 7 h"),
    ],
)
def test_durations_in_words(seconds, text):
    assert duration(seconds) == text


def test_a_rate_is_that_of_late():
    rate = Rate()
    assert math.isnan(rate.add(progress(nfev=100_000, elapsed=0.0)))  # replayed
    assert rate.add(progress(nfev=100_010, elapsed=10.0)) == 1.0
    for second in range(20, 200, 10):
        late = rate.add(progress(nfev=100_010 + 2 * (second - 10), elapsed=float(second)))
    assert late == 2.0


def test_time_left_is_that_of_the_nearest_budget():
    now = progress(nfev=10, elapsed=2.0)
    assert time_left(now, 5.0, 110.0, math.inf) == 20.0
    assert time_left(now, 5.0, 110.0, 7.0) == 5.0
    assert time_left(now, math.nan, 110.0, 7.0) == 5.0
    assert math.isnan(time_left(now, math.nan, 110.0, math.inf))
    assert math.isnan(time_left(now, 5.0, math.inf, math.inf))


# The command itself


def python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("package", ["cyclopts", "rich"])
def test_without_the_extra_it_says_what_to_install(package):
    hide = f"import sys; sys.modules['{package}'] = None"
    done = python(f"{hide}; from nelder.cli import main; sys.exit(main(['show', 'a']))")
    assert done.returncode == exits.USAGE
    assert done.stderr == (
        "the command nelder needs packages that are not installed: run  pip install 'nelder[cli]'\n"
    )


def test_it_is_loaded_only_when_it_is_used():
    done = python("import sys, nelder, nelder.cli; print({'cyclopts', 'rich'} & set(sys.modules))")
    assert done.stdout == "set()\n"


def test_python_dash_m():
    command = [sys.executable, "-W", "error", "-m", "nelder"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == nelder.__version__
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    for code, meaning in exits.MEANING:
        assert f"{code}: {meaning}" in " ".join(done.stdout.split())
    for name in ("run", "resume", "show", "export"):
        assert f" {name} " in done.stdout


def test_every_status_has_an_exit_code():
    codes = {status: exits.of_status(status) for status in Status}
    assert {s for s, code in codes.items() if code == exits.DONE} == {
        s for s in Status if s.success
    }
    assert codes[Status.MAXFEV] == codes[Status.MAXTIME] == exits.BUDGET
    assert codes[Status.NO_FINITE_VALUE] == exits.FAILED


def test_a_reader_that_goes_away(nelder_command):
    nelder_command(*FUNCTION, "--maxfev", "50")
    code = "import sys; from nelder.cli import main; sys.exit(main(sys.argv[1:]))"
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", code, "export", "bowl.db", "--csv", "-"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (exits.DONE, "")
