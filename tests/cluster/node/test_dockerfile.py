"""What is read from a Dockerfile about the program that runs."""

from __future__ import annotations

import pytest

from podrole.cluster.node.runtimes.process.dockerfile import Copied, DockerfileProblem, Recipe, parse_dockerfile

PATH = "/usr/bin:/bin"


def parsed(*lines: str) -> Recipe:
    return parse_dockerfile("\n".join(("FROM python:3.12", *lines)), PATH)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('CMD ["python", "-u", "a b.py"]', ("python", "-u", "a b.py")),
        ("CMD python -u app.py", ("/bin/sh", "-c", "python -u app.py")),
        ("CMD [not JSON", ("/bin/sh", "-c", "[not JSON")),
        ('CMD ["a", 1]', ("/bin/sh", "-c", '["a", 1]')),
        ('cmd ["a"]', ("a",)),
        ('CMD ["a"]\nCMD ["b"]', ("b",)),
        ('CMD ["a", \\\n  # why\n  "b"]', ("a", "b")),
    ],
)
def test_command_is_read_in_both_forms(line: str, words: tuple[str, ...]) -> None:
    assert parsed(line).command == words


def test_entry_point_and_command_are_apart() -> None:
    recipe = parsed('ENTRYPOINT ["python"]', 'CMD ["app.py"]')
    assert (recipe.entrypoint, recipe.command) == (("python",), ("app.py",))


@pytest.mark.parametrize(
    ("lines", "environment"),
    [
        (["ENV A=1 B='two words' C=\"x y\""], {"A": "1", "B": "two words", "C": "x y"}),
        (["ENV A the rest of it"], {"A": "the rest of it"}),
        (["ENV A=1 \\", "    B=2"], {"A": "1", "B": "2"}),
        (["ENV A=1", "ENV B=$A/${A}x"], {"A": "1", "B": "1/1x"}),
        (["ARG P=80", "ENV PORT=${P}"], {"PORT": "80"}),
        (["ENV A=${NONE:-other} B=${NONE:+set}"], {"A": "other", "B": ""}),
        (["ENV A=1", "ENV B=${A:-other} C=${A:+set}"], {"A": "1", "B": "1", "C": "set"}),
        (["ENV PATH=/app/bin:$PATH"], {"PATH": f"/app/bin:{PATH}"}),
        ([r"ENV A=\$HOME"], {"A": "$HOME"}),
    ],
)
def test_variables_are_set_and_expanded(lines: list[str], environment: dict[str, str]) -> None:
    assert dict(parsed(*lines).environment) == environment


@pytest.mark.parametrize(
    ("lines", "directory"),
    [
        (["WORKDIR /app"], "/app"),
        (["WORKDIR /app", "WORKDIR sub"], "/app/sub"),
        (["WORKDIR app"], "/app"),
        (["ENV D=/x", "WORKDIR $D/y/../z"], "/x/z"),
        ([], ""),
    ],
)
def test_working_directory_is_absolute(lines: list[str], directory: str) -> None:
    assert parsed(*lines).working_directory == directory


@pytest.mark.parametrize(
    ("line", "copied"),
    [
        ("COPY . .", Copied((".",), "/app/")),
        ("COPY a.py b.py ./", Copied(("a.py", "b.py"), "/app/")),
        ("COPY a.py /etc/x.py", Copied(("a.py",), "/etc/x.py")),
        ('COPY ["a b.py", "/opt/"]', Copied(("a b.py",), "/opt/")),
        ("COPY --chown=1:1 --chmod=755 a /b", Copied(("a",), "/b")),
        ("ADD . /", Copied((".",), "/")),
        ("COPY --from=build /x /y", None),
        ("ADD https://example.com/x /x", None),
    ],
)
def test_copied_files_have_their_place_in_the_image(line: str, copied: Copied | None) -> None:
    assert parsed("WORKDIR /app", line).copied == (() if copied is None else (copied,))


def test_only_the_last_stage_counts_and_begins_with_the_stage_that_it_names() -> None:
    lines = ["ENV A=1", 'CMD ["one"]', "FROM scratch as Two", "ENV B=2", "FROM two", "ENV C=3"]
    recipe = parsed(*lines)
    assert (dict(recipe.environment), recipe.command) == ({"B": "2", "C": "3"}, ())


def test_what_run_and_heredocs_say_is_passed_over() -> None:
    recipe = parsed("RUN <<EOF", 'CMD ["not this"]', "EOF", "RUN echo \\", "  CMD no", "", 'CMD ["this"]')
    assert recipe.command == ("this",)


@pytest.mark.parametrize("line", ["ENV A='open", 'WORKDIR "open', "COPY 'open x", "COPY " + "[" * 100_000])
def test_line_that_cannot_be_understood_is_named(line: str) -> None:
    with pytest.raises(DockerfileProblem, match=r"^line 2: "):
        parsed(line)


def test_last_line_may_end_with_a_continuation() -> None:
    assert parsed("CMD a \\").command == ("/bin/sh", "-c", "a")


def test_variables_that_double_again_and_again_are_refused() -> None:
    with pytest.raises(DockerfileProblem, match=r"^line 20: ENV A=\$A\$A: .* more than 131,072 characters"):
        parsed("ENV A=1", *["ENV A=$A$A"] * 60)


def test_command_that_is_nested_too_deeply_is_the_shell_form() -> None:
    assert parsed("CMD " + "[" * 100_000).command == ("/bin/sh", "-c", "[" * 100_000)
