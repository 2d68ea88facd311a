"""Forks that a cache answers are copies: nothing is certified by them."""

from __future__ import annotations

import random
import uuid

import httpx
import pytest
from attrs import evolve

import tracefork
from tracefork import Response
from tracefork.attribution.findings.saved import dumps, loads
from tracefork.attribution.study.blame import blame
from tracefork.testing.server import LoopbackServer

STEPS = 4


def make_model(seed, ids):
    """A model that answers good or bad by chance, whatever it is asked."""
    chance = random.Random(seed)

    def answer(request):
        ident = {"unique": uuid.UUID(int=chance.getrandbits(128)).hex, "constant": "x", "none": ""}[ids]
        return Response(200, (), (f"{ident} {chance.choice(('good', 'bad'))}".encode(),))

    return answer


def cached(model, header=()):
    kept = {}

    def answer(request):
        hit = request.body in kept
        given = kept.setdefault(request.body, None) or model(request)
        kept[request.body] = given
        return evolve(given, headers=header) if hit else given

    return answer


def run_study(rule, seed, **design):
    with LoopbackServer(rule) as server:

        def agent():
            said = ""
            with httpx.Client() as client:
                for step in range(STEPS):
                    said = client.post(f"{server.url}/ask", content=f"{step} {said}").text
            return said

        with tracefork.record() as run:
            ended = agent().endswith("good")
        return blame(
            run.tape,
            agent,
            lambda result: result.endswith("good") == (not ended),
            seed=seed,
            budget=tracefork.Budget(forks=40),
            **design,
        )


@pytest.mark.parametrize("ids", ["unique", "constant", "none"])
def test_forks_that_a_cache_answers_certify_nothing(ids):
    report = run_study(cached(make_model(1, ids)), 1)
    assert report.verdict == "NOT_IDENTIFIED_WITHIN_BUDGET" and not report.named
    assert report.values == () and {(entry.low, entry.high) for entry in report.ranking} == {(-1.0, 1.0)}
    assert report.effective is not None and report.effective < report.forks < 40, "and the study stops soon"
    assert f"worth {report.effective}" in report.summary and "repeats='drawn'" in report.summary
    assert loads(dumps(report)) == report


def test_a_cache_that_says_so_is_believed():
    report = run_study(cached(make_model(2, "unique"), (("helicone-cache", "HIT"),)), 2)
    assert not report.named and report.effective is not None


@pytest.mark.slow
def test_whoever_knows_better_may_say_so():
    assert run_study(cached(make_model(1, "none")), 1, repeats="drawn").effective is None


def test_draws_of_a_model_are_worth_what_they_are():
    report = run_study(make_model(3, "none"), 3)
    assert report.effective is None


@pytest.mark.slow
@pytest.mark.parametrize("ids", ["unique", "constant", "none"])
def test_a_caching_gateway_names_nothing_in_twenty_studies(ids):
    assert sum(bool(run_study(cached(make_model(seed, ids)), seed).named) for seed in range(20)) <= 1
