"""The list of runs in a browser: it ticks, two are chosen, Back comes back; and it breaks no rule."""

from __future__ import annotations

import pytest
from attrs import evolve
from report import stories
from report.conftest import AXE, NOTING, Opened
from report.test_accessible import RUN as ACCESSIBLE
from report.test_hostile import PAYLOADS
from server.conftest import filled
from server.growing import Growing, story
from storage.catalogue.runs import many, put, run

from tracefork import TapeStore
from tracefork.core.values import Outcome
from tracefork.server import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUN = stories.release().run_id


@pytest.fixture
def visit(chromium):
    """Opens the list of a server in a tab of its own: `visit(server, query="", **options)`."""
    contexts = []

    def opened(server, query="", **options):
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        context.add_init_script(NOTING)
        page = Opened(context.new_page())
        page.tab.goto(server.url)
        page.tab.goto(f"http://127.0.0.1:{server.door.port}/{query}")
        return page

    yield opened
    for context in contexts:
        context.close()


def quiet(page):
    assert page.said == []
    assert page.violations == []
    assert page.dialogs == []
    return True


def cell(page, key, name):
    return page.text(f'tr[data-key="{key}"] [data-name="{name}"]')


def test_a_run_that_goes_on_ticks_until_it_is_over_and_new_ones_come(visit):
    with filled(":memory:") as store, serving(store) as server:
        page = visit(server)
        assert len(page.tab.query_selector_all("#rows tr")) == 6
        grown = Growing(store, story(4))
        grown.step(2)
        page.until(
            "document.querySelector('tr[data-key=\"growing\"] [data-name=\"calls\"]')?.textContent === '2'"
        )
        assert cell(page, "growing", "ended") == "going on"
        page.tab.check('tr[data-key="growing"] input')
        grown.step(2)
        grown.close()
        grown.seal()
        page.until("document.querySelector('tr[data-key=\"growing\"] .word').textContent === 'finished'")

        assert cell(page, "growing", "calls") == "4"
        assert page.tab.is_checked('tr[data-key="growing"] input')
        store.delete("growing")
        page.until("!document.querySelector('tr[data-key=\"growing\"]')")
        assert "6" in page.text("#sums")
        assert quiet(page)


def test_what_is_asked_is_in_the_address_and_back_comes_back_to_it(visit, tmp_path):
    put(tmp_path / "runs.db", many(300))
    with TapeStore.open(tmp_path / "runs.db") as store, serving(store) as server:
        page = visit(server)
        page.tab.fill("[name=grep]", "contract")
        page.tab.press("[name=grep]", "Enter")
        page.tab.wait_for_url("**/?grep=contract")
        page.tab.select_option("[name=sort]", "cost")
        page.tab.wait_for_url("**/?grep=contract&sort=cost")
        page.tab.click("[rel=next]")
        page.tab.wait_for_url("**offset=100")
        page.tab.evaluate("scrollTo(0, 2000)")
        page.until("scrollY === 2000")
        there = page.tab.url
        page.tab.evaluate("document.querySelectorAll('#rows th a')[40].click()")
        page.tab.wait_for_url("**/run/**")
        page.tab.go_back()

        assert page.tab.url == there
        assert page.tab.input_value("[name=grep]") == "contract"
        page.until("scrollY === 2000")


def test_two_are_chosen_and_compared_and_not_three(visit):
    with filled(":memory:") as store, serving(store) as server:
        page = visit(server)
        boxes = page.tab.query_selector_all("#rows input")
        assert page.tab.is_disabled("#beside")
        for box in boxes[:3]:
            box.check()
        assert page.tab.is_disabled("#beside")
        boxes[2].uncheck()
        page.tab.click("#beside")
        page.tab.wait_for_url("**/compare/**")
        page.ready()

        assert "#branch-0" in page.tab.url
        assert quiet(page)


def test_all_of_it_works_by_keyboard(visit):
    with filled(":memory:") as store, serving(store) as server:
        page = visit(server)
        page.tab.keyboard.press("/")
        page.tab.keyboard.type("surely")
        page.tab.keyboard.press("Enter")
        page.tab.wait_for_url("**/?grep=surely")
        for _ in range(60):
            page.tab.keyboard.press("Tab")
            if page.tab.evaluate("document.activeElement.matches('#rows th a')"):
                break
        page.tab.keyboard.press("Enter")
        page.tab.wait_for_url("**/run/**")

        assert quiet(page)


def test_it_does_without_a_script(visit):
    with filled(":memory:") as store, serving(store) as server:
        page = visit(server, java_script_enabled=False)
        page.tab.fill("[name=agent]", "payments")
        page.tab.click("#filters button")
        page.tab.wait_for_url("**agent=payments**")
        assert page.tab.locator("#rows tr").count() == 5
        page.tab.click("thead a >> text=cost")
        page.tab.wait_for_url("**sort=cost**")
        page.tab.locator("#rows input").nth(0).check()
        page.tab.locator("#rows input").nth(1).check()
        page.tab.click("#beside")
        page.tab.wait_for_url("**/compare/**")


@pytest.mark.parametrize("query", ["", "?grep=contract&sort=cost", "?since=x", "?grep=nowhere"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_no_rule_of_access_is_broken_and_nothing_stands_over_the_edge(visit, query, size):
    if not AXE.is_file():
        pytest.skip("axe-core is not there: npm install --prefix tests/peers")
    with filled(":memory:") as store, serving(store) as server:
        store.save(run("broke", agent_name="a" * 200, outcome=Outcome("raised", "E", "x" * 400)))
        Growing(store, story(3)).step()
        page = visit(server, query, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
        page.tab.evaluate(AXE.read_text())
        for theme in ("light", "dark"):
            page.tab.emulate_media(color_scheme=theme)
            assert page.tab.evaluate(ACCESSIBLE, ["", []]) == []
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_words_are_explained_behind_a_question_mark_without_a_script_too(visit, size):
    with filled(":memory:") as store, serving(store) as server:
        view = {"width": size[0], "height": size[1]}
        for script in (True, False):
            page = visit(server, viewport=view, reduced_motion="reduce", java_script_enabled=script)
            assert not page.tab.is_visible("#terms dl")
            page.tab.focus("#terms summary")
            page.tab.keyboard.press("Enter")
            assert page.tab.is_visible("#terms dt >> text=cut short")
            box = page.tab.locator("#terms dl").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
            if script and AXE.is_file():
                page.tab.evaluate(AXE.read_text())
                for theme in ("light", "dark"):
                    page.tab.emulate_media(color_scheme=theme)
                    assert page.tab.evaluate(ACCESSIBLE, ["", []]) == []
                assert page.tab.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_no_text_runs_in_the_page_nor_in_what_the_script_adds(visit):
    every = " ".join(PAYLOADS)
    with TapeStore.open(":memory:") as store, serving(store) as server:
        store.save(run("r", every, agent_name=every, outcome=Outcome("raised", every, every)))
        page = visit(server)
        for number, text in enumerate(PAYLOADS[:40]):
            store.save(run(f"n{number} {text}", text, agent_name=text, outcome=Outcome("raised", text, text)))
        page.until("document.querySelectorAll('#rows tr').length === 41")

        assert page.tab.evaluate("window.__pwned") is None
        assert quiet(page)


def test_texts_cannot_become_markup(visit):
    with filled(":memory:") as store, serving(store) as server:
        page = visit(server)
        refused = page.tab.evaluate(
            "() => { try { document.body.innerHTML = '<b>x</b>'; } catch (error) { return error.name; } }"
        )

        assert refused == "TypeError"


def test_a_server_that_went_away_is_told_of(visit):
    with filled(":memory:") as store:
        with serving(store) as server:
            page = visit(server)
            page.until("document.querySelectorAll('#rows tr').length === 6")
        page.until("document.getElementById('notes').textContent.startsWith('The server does not answer')")
        assert len(page.tab.query_selector_all("#rows tr")) == 6


def test_the_theme_is_changed_by_a_button(visit):
    with filled(":memory:") as store, serving(store) as server:
        store.save(evolve(run("x"), agent_name=""))
        page = visit(server, color_scheme="light")
        page.tab.click("#theme")

        assert page.tab.get_attribute("html", "data-theme") == "dark"
