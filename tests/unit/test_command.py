"""A program as an objective: what it gets, where its value is read, what counts as a failure."""

import math
import os
import pickle
import sys
import threading
import time

import numpy as np
import pytest

from nelder.errors import InvalidArgumentError
from nelder.evaluate.attempt import attempt
from nelder.evaluate.command import Command, CommandError, InputFile, Template
from nelder.evaluate.output import Output, OutputError
from nelder.evaluate.placeholders import fill, names_in
from nelder.journal.describe import describe

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")


def shell(script, *arguments, names=("k",), **settings):
    """A command whose program is a shell script that is not there on disk."""
    return Command(["sh", "-c", script, "sh", *(arguments or ("{k}",))], names, **settings)


def failure(command, x):
    """The error of a call that must fail."""
    with pytest.raises(CommandError) as caught:
        command(x)
    return caught.value


# Placeholders


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{k}", "0.1"),
        ("--k={k},{c}", "--k=0.1,-2e-300"),
        ("{{k}}", "{k}"),
        ("{{k}} is {k}", "{k} is 0.1"),
        ("{k:.3e}", "1.000e-01"),
        ("{{k:.3e}}", "{k:.3e}"),
        ('{"k": {k}, "more": {"c": {c}}}', '{"k": 0.1, "more": {"c": -2e-300}}'),
        ("{10**({k})} {} { k } {1} {k: 2} a{2,3}", "{10**(0.1)} {} { k } {1} {k: 2} a{2,3}"),
        ("awk {{print}}", "awk {print}"),
        ("{{{k}}}", "{{k}}"),
        ("$k %k% {", "$k %k% {"),
    ],
)
def test_placeholders_and_no_other_braces_are_filled(text, filled):
    assert fill(text, {"k": 0.1, "c": -2e-300}) == filled
    names_in(text, {"k", "c"}, "text")


def test_numbers_keep_all_their_digits():
    third = 1.0 / 3.0
    assert float(fill("{k}", {"k": third})) == third
    assert fill("{k}", {"k": float(np.float64(third))}) == repr(third)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{q}", ("no parameter", "{q}", "{k}, {c}", "{{q}}")),
        ("{k:zz}", ("{k:zz}", "format")),
        ("{k:d}", ("{k:d}", "format")),
    ],
)
def test_a_placeholder_that_is_none_is_an_error(text, said):
    with pytest.raises(InvalidArgumentError) as caught:
        names_in(text, ["k", "c"], "arguments[1]")
    assert all(part in str(caught.value) for part in ("arguments[1]", *said))


# What the program gets


def test_arguments_reach_the_program_as_they_are():
    command = shell('test "$1" = \'a  b;$(x)*\' && echo "$2"', "a  b;$(x)*", "{k}")
    assert command({"k": 1.5}) == 1.5


def test_x_by_name_and_in_order():
    command = shell("echo $1$2", "{a:.0f}", "{b:.0f}", names=["b", "a"])
    assert command({"a": 1.0, "b": 2.0}) == 12.0
    assert command(np.array([2.0, 1.0])) == 12.0
    assert command([2.0, 1.0]) == 12.0


@pytest.mark.parametrize("x", [{"a": 1.0}, {"k": 1.0, "c": 1.0}, np.ones(2), 1.0])
def test_an_x_of_another_structure_is_an_error(x):
    with pytest.raises(InvalidArgumentError, match=r"x has .*: expected"):
        shell("echo $1")(x)


def test_environment_with_placeholders_on_top_of_ours(monkeypatch):
    monkeypatch.setenv("NELDER_TEST_KEPT", "7")
    command = Command(
        ["sh", "-c", 'echo "$NELDER_TEST_KEPT$RATE"'], ["k"], environment={"RATE": "{k:.0f}"}
    )
    assert command([3.0]) == 73.0


def test_standard_input_is_empty():
    assert shell("cat; echo $1")([2.0]) == 2.0


def test_it_runs_in_its_directory(tmp_path):
    (tmp_path / "loss").write_text("4.5\n")
    assert shell("cat loss # $1", directory=tmp_path)([0.0]) == 4.5


def test_a_program_with_a_slash_is_found_from_its_directory(tmp_path, monkeypatch):
    program = tmp_path / "simulate"
    program.write_text("#!/bin/sh\necho $1\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    here = Command(["./simulate", "{k}"], ["k"], fresh=True)
    monkeypatch.chdir("/")
    assert here([1.0]) == 1.0
    assert Command(["./simulate", "{k}"], ["k"], directory=tmp_path)([2.0]) == 2.0


def test_templates_and_inputs_stand_in_a_fresh_directory(tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("10\n")
    command = Command(
        ["sh", "-c", "ls | tr '\\n' ' '; cat sub/in.txt data.txt; ls > left; pwd; cat sub/in.txt"],
        ["k"],
        templates=[Template("sub/in.txt", "{k}\n")],
        inputs=[InputFile("data.txt", str(data))],
        value=Output(regex=r"\A(?:data.txt sub )(.*)"),
    )
    assert command([2.5]) == 2.5
    assert command([3.5]) == 3.5  # nothing is left of the first
    assert data.read_text() == "10\n"


@pytest.mark.parametrize("settings", [{}, {"fresh": True}])
def test_the_directory_is_fresh_only_where_it_is_asked_for(settings, tmp_path):
    (tmp_path / "here").touch()
    command = shell("test -e here; echo $?; : $1", directory=tmp_path, **settings)
    assert command([0.0]) == bool(settings)


def test_directories_are_deleted():
    command = shell("pwd; echo $1", fresh=True, value=Output(regex="^/.*/([0-9]+)$"))
    numbers = [command([0.0]) for _ in range(3)]
    assert numbers == [1.0, 2.0, 3.0]
    folder = command._programs._folder
    assert os.listdir(folder) == []
    command._programs._groups.close()
    assert not os.path.exists(folder)


# Where the value stands


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("1.5\n", 1.5),
        ("working\n  -2e-3  \n\n  \n", -2e-3),
        ("1.5", 1.5),
        ("0.123D+02\n", 12.3),
        ("7\r\n", 7.0),
        (".5", 0.5),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_the_last_line(output, value):
    assert Output().read(output) == value


def test_nan_is_a_value():
    assert math.isnan(Output().read("nan\n"))
    assert math.isnan(Output(json="a").read('{"a": NaN}'))


@pytest.mark.parametrize("output", ["", "\n \n", "loss = 2", "1.5 2.5", "1_000", "0x10", "None"])
def test_the_last_line_is_no_number(output):
    with pytest.raises(OutputError, match=r"stdout is .*: expected a number"):
        Output().read(output)


@pytest.mark.parametrize(
    ("path", "output", "value"),
    [
        ("loss", '{"loss": 2}', 2.0),
        ("result.loss", '{"result": {"loss": 2.5}}', 2.5),
        ("losses.1", '{"losses": [1, 3]}', 3.0),
        ("loss", 'log\n{"loss": 4}\n', 4.0),
        ("loss", '{\n"loss":\n5}\n', 5.0),
        ("loss", '{"loss": "6.5"}', 6.5),
    ],
)
def test_a_json_field(path, output, value):
    assert Output(json=path).read(output) == value


@pytest.mark.parametrize(
    ("path", "output", "said"),
    [
        ("loss", "nothing", "no JSON"),
        ("loss", '{"los": 1}', "no field 'loss' in stdout: there is 'los'"),
        ("a.b", '{"a": {"c": 1}}', "no field 'b' in a in stdout"),
        ("a.b", '{"a": 1}', "no field 'b' in a in stdout: it is '1'"),
        ("a.3", '{"a": [1]}', "no entry 3 in a"),
        ("a", '{"a": null}', "expected a number"),
        ("a", '{"a": true}', "expected a number"),
        ("a", '{"a": [1]}', "expected a number"),
        ("a", '{"a": "FAIL"}', "the program says 'FAIL'"),
        ("a", '{"a": 1' + 400 * "0" + "}", "too large"),
    ],
)
def test_a_json_field_that_is_none(path, output, said):
    with pytest.raises(OutputError) as caught:
        Output(json=path).read(output)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("regex", "output", "value"),
    [
        (r"loss = (\S+)", "loss = 2\nloss = 1\nend\n", 1.0),
        (r"^\d+$", "a 4\n5\n", 5.0),
        (r"(?:x|loss)=(.*) J", "loss=3e2 J", 300.0),
    ],
)
def test_a_regular_expression(regex, output, value):
    assert Output(regex=regex).read(output) == value


@pytest.mark.parametrize(
    ("regex", "output", "said"),
    [
        ("loss=(.*)", "nothing", "no match of regex 'loss=(.*)' in stdout"),
        ("loss=(.*)", "loss=many", "what regex 'loss=(.*)' found is 'many': expected a number"),
        ("loss=(.*)", "loss=fail", "the program says 'fail'"),
        ("a(b)?", "a", "is '': expected a number"),
    ],
)
def test_a_regular_expression_without_a_number(regex, output, said):
    with pytest.raises(OutputError) as caught:
        Output(regex=regex).read(output)
    assert said in str(caught.value)


def test_an_output_file():
    assert shell("echo $1 > out; echo chatter", value=Output("out"))([3.0]) == 3.0
    script = 'mkdir a; echo "{\\"l\\": $1}" > a/b'
    assert shell(script, value=Output("a/b", json="l"))([3.0]) == 3.0
    assert (
        "no field 'm' in a/b"
        in failure(shell(script, value=Output("a/b", json="m")), [3.0]).message
    )
    wrote_nothing = shell("true $1", value=Output("out"))
    assert "wrote no file out" in failure(wrote_nothing, [3.0]).message
    folder = shell("mkdir out; : $1", value=Output("out"))
    assert "cannot read out" in failure(folder, [3.0]).message


@pytest.mark.parametrize(
    "text",
    ["stdout", "json:a.b", "regex:a:(b)", "file:out", "file:a.json:json:b", "file:o:regex:x:(.*)"],
)
def test_outputs_are_read_from_text_and_back(text):
    assert str(Output.parse(text)) == text


def test_what_a_text_means():
    assert Output.parse("file:out:regex:x:(.*)") == Output("out", regex="x:(.*)")
    assert Output.parse("file:a:b") == Output("a:b")


@pytest.mark.parametrize(
    "text", ["", "std", "json", "json:", "regex:", "file:", "line:3", "regex:(", "json:a..b"]
)
def test_a_text_that_is_no_output(text):
    with pytest.raises(InvalidArgumentError, match=r"value.*expected"):
        Output.parse(text)


# Failures


@pytest.mark.parametrize("word", ["fail", "FAIL", " Fail \n\n"])
def test_the_word_fail(word):
    error = failure(shell("echo done $1; printf '%s' \"$2\"", "{k}", word), [1.0])
    assert error.kind == "output"
    assert "the program says" in error.message


def test_an_exit_code_is_a_failure_whatever_stands_in_the_output():
    error = failure(shell("echo 1.0; echo 'no mesh' >&2; echo $1; exit 3"), [2.0])
    assert (error.kind, error.message) == ("exit code", "exit code 3: no mesh")
    assert error.details.splitlines() == [
        "$ sh -c 'echo 1.0; echo '\"'\"'no mesh'\"'\"' >&2; echo $1; exit 3' sh 2.0",
        "--- stdout",
        "1.0",
        "2.0",
        "--- stderr",
        "no mesh",
    ]


def test_a_signal_is_a_failure():
    error = failure(shell("kill -SEGV $$; : $1"), [2.0])
    assert (error.kind, error.message) == ("died", "ended by signal 11 (SIGSEGV)")


def test_output_without_a_number_is_a_failure():
    error = failure(shell("echo $1 apples"), [2.0])
    assert error.kind == "output"
    assert error.message == "the last line of stdout is '2.0 apples': expected a number"


def test_a_pool_sees_kind_message_and_details():
    outcome = attempt(shell("echo oh >&2; exit $1", "{k:.0f}"), np.array([4.0]))
    assert outcome.failure.kind == "exit code"
    assert outcome.failure.message == "exit code 4: oh"
    assert outcome.failure.details.endswith("--- stderr\noh")


def test_details_name_the_environment_that_has_placeholders():
    command = Command(["sh", "-c", "exit 1"], ["k"], environment={"A": "{k}", "B": "b"})
    assert failure(command, [0.5]).details == "$ A=0.5 sh -c 'exit 1'"


def test_errors_survive_pickling():
    error = failure(shell("exit 1 # $1"), [2.0])
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.kind, str(twin), twin.details) == (error.kind, str(error), error.details)


# Construction


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"arguments": []}, ("arguments", "empty")),
        ({"arguments": "echo {k}"}, ("arguments='echo {k}'", "expected a list", "'{k}'")),
        ({"arguments": ["echo", "{k}", 5]}, ("arguments[2]=5", "expected text")),
        ({"arguments": None}, ("arguments=None", "expected a list")),
        ({"names": "kk"}, ("names='kk'", "expected a list")),
        ({"names": [1]}, ("names[0]=1", "expected the name")),
        ({"value": "stdout"}, ("value='stdout'", "Output.parse")),
        ({"templates": Template("a", "b")}, ("templates=", "a list", "a Template")),
        ({"templates": ["in.txt"]}, ("templates[0]='in.txt'", "a Template")),
        ({"inputs": ["in.txt"]}, ("inputs[0]='in.txt'", "an InputFile")),
        ({"environment": ["A"]}, ("environment=['A']", "by name")),
        ({"environment": {"A": 1}}, ("environment={'A': 1}", "texts")),
        ({"directory": "no-such-folder"}, ("directory='no-such-folder'", "folder")),
        ({"arguments": ["nelder-has-no-such"]}, ("nelder-has-no-such", "PATH")),
        ({"names": []}, ("names", "empty")),
        ({"names": ["k", "k"]}, ("names", "k", "once")),
        ({"names": ["1k"]}, ("'1k'", "letters")),
        ({"names": ["k", "c"]}, ("'c'", "used nowhere", "{c}")),
        ({"arguments": ["echo", "{q}"]}, ("arguments[1]", "{q}", "{k}")),
        ({"arguments": ["{k}"]}, ("arguments[0]", "same program")),
        ({"arguments": ["nelder-has-no-such", "{k}"]}, ("nelder-has-no-such", "PATH")),
        ({"arguments": ["./nix", "{k}"]}, ("./nix", "no program", os.sep)),
        ({"arguments": ["/nix/nix", "{k}"]}, ("/nix/nix", "no program")),
        ({"arguments": ["echo", "{k}\0"]}, ("arguments[1]", "zero byte")),
        ({"environment": {"A": "{q}"}}, ("environment A", "{q}")),
        ({"environment": {"A=B": "1"}}, ("environment", "A=B")),
        ({"timeout": 0.0}, ("timeout", "0.0", "above 0")),
        ({"timeout": True}, ("timeout", "True", "seconds")),
        ({"timeout": math.nan}, ("timeout", "nan", "above 0")),
        ({"templates": [Template("a", "{q}")]}, ("template a", "{q}")),
        ({"templates": [Template("a", ""), Template("./a", "")]}, ("two files", "'a'")),
        (
            {"inputs": [InputFile("a/.", "/")], "templates": [Template("a//b/c", "")]},
            ("'a/b/c'", "inside", "'a'"),  # it would be written where the link leads to
        ),
    ],
)
def test_construction_says_what_is_wrong(arguments, said):
    with pytest.raises(InvalidArgumentError) as caught:
        Command(**{"arguments": ["echo", "{k}"], "names": ["k"], **arguments})
    assert all(part in str(caught.value) for part in said)


def test_arguments_may_be_paths(tmp_path):
    script = tmp_path / "double.sh"
    script.write_text("echo $(($1 * 2))\n")
    command = Command(["sh", script, "{k:.0f}"], ("k",), directory=tmp_path)
    assert command.arguments == ("sh", str(script), "{k:.0f}")
    assert command({"k": 21.0}) == 42.0


@pytest.mark.parametrize("name", ["", ".", "/a", "../a", "a/../../b"])
def test_files_stay_in_the_working_directory(name):
    for make in (lambda: Template(name, ""), lambda: InputFile(name, "a"), lambda: Output(name)):
        with pytest.raises(InvalidArgumentError, match="working directory"):
            make()


def test_a_program_in_the_directory_but_not_on_the_path(tmp_path):
    (tmp_path / "simulate").touch()
    with pytest.raises(InvalidArgumentError, match=r"is \./simulate"):
        Command(["simulate", "{k}"], ["k"], directory=tmp_path)
    with pytest.raises(InvalidArgumentError, match=r"not executable.*chmod \+x"):
        Command(["./simulate", "{k}"], ["k"], directory=tmp_path)


def test_inputs_are_told_apart_by_their_content(tmp_path):
    (tmp_path / "in").write_text("a")
    (tmp_path / "folder").mkdir()
    settings = {
        "directory": tmp_path,
        "inputs": [InputFile("in", "in"), InputFile("more", "folder")],
    }
    one, twin = shell("cat in; echo $1", **settings), shell("cat in; echo $1", **settings)
    assert one == twin
    (tmp_path / "in").write_text("b")
    assert one != shell("cat in; echo $1", **settings)
    (tmp_path / "in").unlink()
    with pytest.raises(InvalidArgumentError, match=r"inputs: cannot read .*in: No such file"):
        shell("cat in; echo $1", **settings)


def test_where_and_how_long_it_runs_are_not_what_it_is(tmp_path):
    one = shell("echo $1", timeout=3.0)
    other = shell("echo $1", directory=tmp_path)
    assert one == other
    assert describe(one) == describe(other)
    assert one != shell("echo $1", fresh=True)
    assert describe(one) != describe(shell("echo $1", fresh=True))


def test_it_can_be_pickled_also_after_use(tmp_path):
    settings = {"timeout": 0.5, "directory": tmp_path}
    command = shell("pwd > pwd; test $1 = 1.0 && echo $1 || sleep 60", **settings)
    assert command([1.0]) == 1.0
    twin = pickle.loads(pickle.dumps(command))
    assert twin == command
    assert twin([1.0]) == 1.0
    assert failure(twin, [2.0]).kind == "timeout"


# Threads


def test_calls_from_several_threads(tmp_path):
    command = shell("echo $1 > out; sleep 0.01; cat out", value=Output(), fresh=True)
    values = {}

    def call(i):
        values[i] = [command([float(i + 10 * j)]) for j in range(5)]

    threads = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {i: [float(i + 10 * j) for j in range(5)] for i in range(4)}


def began(folder, number):
    """Wait until so many programs have made a file."""
    while len(os.listdir(folder)) < number:
        time.sleep(0.01)


def test_stop_ends_all_that_runs_now(tmp_path):
    command = shell("touch $0.$1; exec sleep 60", "{k}", directory=tmp_path)
    command.stop()  # nothing runs yet
    outcomes = {}

    def call(i):
        outcomes[i] = attempt(command, np.array([float(i)]))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    began(tmp_path, 3)
    command.stop([1.0])
    threads[1].join()
    assert threads[0].is_alive()
    assert threads[2].is_alive()
    command.stop()
    for thread in threads:
        thread.join()
    assert [outcomes[i].failure.kind for i in range(3)] == ["died"] * 3
    assert "stopped" in outcomes[0].failure.message


def test_it_goes_on_after_stop():
    command = shell("echo $1")
    assert command([1.0]) == 1.0
    command.stop()
    assert command([2.0]) == 2.0


def test_python_is_a_program_too():
    command = Command([sys.executable, "-c", "print({k} + 1)"], ["k"])
    assert command([1.25]) == 2.25
