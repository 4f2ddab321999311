"""The Dockerfiles that are measured do what their ids say, and the commands taken out are the ones in them."""

from build_workload import (
    RECIPE_STEPS,
    STAGES,
    STEPS,
    four_stages,
    recipe,
    touch_run,
    twenty_steps,
)


def test_twenty_steps_are_the_commands_that_are_taken_out() -> None:
    dockerfile, groups = twenty_steps()
    runs = [line[4:] for line in dockerfile.splitlines() if line.startswith("RUN ")]
    assert len(runs) == STEPS
    assert groups == [runs]


def test_stages_are_independent_of_each_other_and_all_needed() -> None:
    dockerfile, groups = four_stages()
    stages = dockerfile.split("FROM ")[1:]
    assert len(groups) == STAGES and len(stages) == STAGES + 1
    for number, commands in enumerate(groups):
        assert [line[4:] for line in stages[number].splitlines()[1:]] == commands
        assert "--from" not in stages[number]
        assert "COPY --from=s%d " % number in stages[-1]


def test_a_recipe_and_its_dockerfile_have_the_same_steps() -> None:
    program, dockerfile = recipe()
    steps = [line for line in program.splitlines() if line.startswith("    .")]
    lines = dockerfile.splitlines()[1:]
    assert len(steps) == len(lines) == RECIPE_STEPS
    for step, line in zip(steps, lines):
        if line.startswith("RUN "):
            assert step == "    .run_commands(%r)" % line[4:]


def test_each_mark_makes_another_command() -> None:
    assert touch_run("one") != touch_run("two")
