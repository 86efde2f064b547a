import uuid

from mriplatform.identifiers import uuid7


def test_identifiers_are_version_7_sort_by_time_and_do_not_repeat():
    made = [uuid7() for _ in range(2000)]
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert len(set(made)) == len(made)
    milliseconds = [one.int >> 80 for one in made]
    assert milliseconds == sorted(milliseconds)
