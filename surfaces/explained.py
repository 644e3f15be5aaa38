"""Explanations as the document `keel.why/1`, with the same text that a terminal shows beside the figures."""

from collections.abc import Iterable

from models.controls.families import CONTROLS, how_computed
from models.messages.decisions import Explanation, Gate, NakedLeg, QuoteNote, RefusalNote
from models.snapshot import Board
from models.units import Money, Price, format_money, format_price, format_size
from models.words import cell_text, explanation_text, outcome_text, rfc3339, state_word
from surfaces.documents import Document, left_out


def why(explanations: Iterable[Explanation], board: Board) -> Document:
    """Return `keel.why/1`: one entry for each desk and market, and the markets that are not traded at all."""
    explained = [_explained(one) for one in explanations]
    return {"schema": "keel.why/1", "explanations": explained, "left_out": left_out(board)}


def _explained(one: Explanation) -> Document:
    return {
        "slug": one.slug,
        "tag": one.tag,
        "at": rfc3339(one.at_ns),
        "state": state_word(one.state, one.cells, one.phase),
        "phase": one.phase,
        "reason": one.reason,
        "gates": [_gate(gate) for gate in one.gates],
        "quotes": [_quote(quote) for quote in one.quotes],
        "naked": None if one.naked is None else _naked(one.naked),
        "cells": [cell_text(cell) for cell in one.cells],
        "notes": list(one.notes),
        "refusals": [_refusal(refusal) for refusal in one.refusals],
        "text": explanation_text(one, how_computed),
    }


def _refusal(refusal: RefusalNote) -> Document:
    """Who refused a wish: a control of ours with its number and how that came about, or the venue in its words."""
    control = CONTROLS.get(refusal.control)
    return {
        "token": outcome_text(refusal.outcome),
        "side": refusal.side.value,
        "control": refusal.control or None,
        "detail": refusal.detail,
        "computed": None if control is None else control.computed,
        "blocks": None if control is None else control.blocks,
        "parameters": [] if control is None else list(control.parameters),
    }


def _gate(gate: Gate) -> Document:
    return {
        "name": gate.name,
        "passed": gate.passed,
        "blocks": gate.blocks,
        "value": _figure(gate.value, gate.unit),
        "threshold": _figure(gate.threshold, gate.unit),
        "unit": gate.unit,
        "note": gate.note,
    }


def _quote(quote: QuoteNote) -> Document:
    return {
        "token": outcome_text(quote.outcome),
        "side": quote.side.value,
        "price": format_price(quote.price),
        "size": format_size(quote.size),
        "state": quote.state,
        "reason": quote.reason,
        "formula": quote.formula,
        "touch": _price(quote.touch),
        "ticks_from_touch": quote.ticks_from_touch,
        "shares_ahead": format_size(quote.ahead),
    }


def _naked(naked: NakedLeg) -> Document:
    return {
        "token": outcome_text(naked.outcome),
        "shares": format_size(naked.shares),
        "average": format_price(naked.average),
        "age_s": naked.age_ms / 1_000,
        "mid": _price(naked.mid),
        "unrealized": _money(naked.unrealized),
        "worst_case": format_money(naked.worst_case),
        "hedge_price": _price(naked.hedge_price),
        "hedge_ticks_behind": naked.hedge_ticks_behind,
        "finish_maker_pair": _price(naked.finish_maker_price),
        "finish_maker_profit": _money(naked.finish_maker_profit),
        "finish_taker_pair": _price(naked.finish_taker_price),
        "finish_taker_profit": _money(naked.finish_taker_profit),
        "policy": naked.policy,
    }


def _figure(value: int | None, unit: str) -> str | int | None:
    if value is None:
        return None
    match unit:
        case "price":
            return format_price(value)
        case "size":
            return format_size(value)
        case "money":
            return format_money(value)
        case _:
            return value


def _price(price: Price | None) -> str | None:
    return None if price is None else format_price(price)


def _money(money: Money | None) -> str | None:
    return None if money is None else format_money(money)
