"""One-time codes against the known answers of RFC 4226 appendix D and RFC 6238 appendix B."""

import pytest

from vault.crypto.one_time_code import matching_step, new_code_seed, one_time_code, spell_seed, step_at

SEED = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_of_rfc_6238(seconds, code):
    assert one_time_code(SEED, step_at(seconds), digits=8) == code
    assert one_time_code(SEED, step_at(seconds)) == code[2:]


def test_the_codes_of_rfc_4226():
    answers = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"
    assert [one_time_code(SEED, count) for count in range(10)] == answers.split()


def test_a_code_fits_its_own_step_and_the_two_beside_it():
    for away in (-1, 0, 1):
        assert matching_step(SEED, one_time_code(SEED, 1000 + away), 1000) == 1000 + away
    for away in (-2, 2):
        assert matching_step(SEED, one_time_code(SEED, 1000 + away), 1000) is None


@pytest.mark.parametrize("code", ["", "0", "7552241", "ü" * 6, "75522 ", "-55224"])
def test_what_is_no_code_fits_nothing(code):
    assert matching_step(SEED, code, 1) is None


def test_seeds_differ_and_are_spelled_as_apps_take_them():
    assert new_code_seed() != new_code_seed()
    assert len(new_code_seed()) == 20
    assert spell_seed(SEED) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
