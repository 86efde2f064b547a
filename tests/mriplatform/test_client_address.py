from mriplatform.accounts.client_address import client_address


def test_a_callers_own_word_for_its_address_counts_for_nothing(rf, settings):
    settings.BEHIND_PROXY = False
    request = rf.get("/", headers={"X-Forwarded-For": "10.9.9.9"}, REMOTE_ADDR="192.0.2.1")
    assert client_address(request) == "192.0.2.1"


def test_behind_the_proxy_the_last_address_is_the_proxys_word(rf, settings):
    settings.BEHIND_PROXY = True
    request = rf.get("/", headers={"X-Forwarded-For": "invented, 198.51.100.7"}, REMOTE_ADDR="172.18.0.2")
    assert client_address(request) == "198.51.100.7"
    assert client_address(rf.get("/", REMOTE_ADDR="172.18.0.2")) == "172.18.0.2"
