import pytest

from models.roles import COMMANDS
from surfaces.control_page import PAGE, render
from surfaces.control_routes import PATHS


def test_the_page_of_the_commands_says_what_the_code_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page), "run: python -m surfaces.control_page"
    assert all(f"| `{verb}` |" in page for verb in COMMANDS)


def test_every_command_has_a_path() -> None:
    assert PATHS.keys() == COMMANDS.keys()


def test_a_page_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        render("# Control\n")
