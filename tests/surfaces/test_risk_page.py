import pytest

from models.controls.families import CONTROLS
from surfaces.risk_page import PAGE, render


def test_the_page_of_the_controls_says_what_the_code_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page), "run: python -m surfaces.risk_page"
    assert all(f"| `{name}` |" in page for name in CONTROLS)


def test_a_page_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the tables"):
        render("# Risk\n")
