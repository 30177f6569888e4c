"""The everyday set: both languages, all domains; see ``test_tuning_sets`` for its records."""

from collections import Counter
from typing import Final

from planner_node.training.scoring.terms import Language
from planner_node.training.scoring.testset import FOLDER, load_test_set

RECORDS: Final = load_test_set(FOLDER.parent / "everyday")


def test_both_languages_and_all_domains_are_there() -> None:
    for language in Language:
        domains = Counter(r.category for r in RECORDS if r.language is language)
        assert set(domains) == {"home", "office", "care", "work"}
        assert min(domains.values()) >= 18
