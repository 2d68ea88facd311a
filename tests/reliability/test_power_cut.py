"""The power goes at any moment: what was promised to be there is there. See `powercut` and `disk`."""

from __future__ import annotations

import random

import pytest
from reliability.disk import ORDERED, ORDERLESS, Disk, File
from reliability.powercut import CASES, cuts, sqlite_log, survive
from reliability.stories import Ledger, story

pytestmark = pytest.mark.slow  # run on one Python, in .ci/run

IMAGES = 500  # of each case: 4,000 in all


@pytest.mark.parametrize(("kind", "durability", "how"), CASES, ids=str)
def test_a_power_cut_takes_no_more_than_it_may(kind, durability, how):
    assert survive(kind, durability, images=IMAGES, **how) >= IMAGES


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("kind", "durability", "how"), CASES, ids=str)
def test_many_power_cuts_take_no_more_than_they_may(kind, durability, how):
    assert survive(kind, durability, images=25_000, seed=1, **how) >= 25_000


# The simulator can tell one thing from another


def test_what_was_not_synced_may_be_lost_and_what_was_is_not():
    file = File()
    file.write(0, b"a" * 1_024)
    file.sync()
    file.write(1_024, b"b" * 512)
    images = {file.image(random.Random(seed), 0.5, ORDERED) for seed in range(50)}

    assert images == {b"a" * 1_024, b"a" * 1_024 + b"b" * 512}


def test_without_order_a_file_may_have_grown_and_not_been_written():
    file = File()
    file.write(0, b"a" * 1_024)
    images = {file.image(random.Random(seed), 0.5, ORDERLESS) for seed in range(200)}

    assert images == {
        b"",
        bytes(512),
        b"a" * 512,
        *(one + two for one in (bytes(512), b"a" * 512) for two in (bytes(512), b"a" * 512)),
    }


def test_a_sector_holds_one_of_its_versions():
    file = File(b"old" * 100)
    file.write(0, b"new")
    file.write(6, b"new")
    images = {file.image(random.Random(seed), 0.5, ORDERLESS)[:9] for seed in range(50)}

    assert images == {b"oldoldold", b"newoldold", b"newoldnew"}


def test_a_name_lasts_when_its_folder_was_synced():
    disk = Disk({"a": b"old"})
    disk.do("create", "b", 7)
    disk.do("write", 7, 0, b"new")
    disk.do("sync", 7)
    disk.do("rename", "b", "a")
    chance = random.Random(1)

    assert {str(image) for image in disk.images(chance, 9, ORDERED)} == {
        "{'a': b'old'}",
        "{'a': b'old', 'b': b'new'}",
        "{'a': b'new'}",
    }
    disk.do("sync_names")
    assert list(disk.images(chance, 9, ORDERLESS)) == [{"a": b"new"}]


def test_the_story_has_checkpoints_and_every_kind_of_act():
    acts = story(40, 0)
    log = sqlite_log(acts, "process", checkpoint=4)

    assert {act[0] for act in acts} == {"append", "seal", "delete"}
    assert sum(entry[0] == "write" and entry[1] == 0 for entry in log) > 40  # pages of the database itself


def test_a_cut_of_a_store_that_is_being_made_is_one_of_nothing(tmp_path):
    log = sqlite_log([], "power")
    made = sum(1 for _ in cuts(log, Ledger([]), each=50, order=ORDERLESS, chance=random.Random(0)))

    assert made > 200
    assert survive("sqlite", "power", images=200, each=50, length=1)
