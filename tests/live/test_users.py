"""Users and their passwords."""

import threading
import time

import pytest

from breakwater.harbor.api import Harbor, HarborError
from tests.live.client import Live, message

PASSWORD, OTHER, WRONG = "Passw0rd-of-a-case", "An0ther-password", "Wr0ng-password"


def body(name: str, email: str) -> dict[str, str]:
    return {"username": name, "email": email, "realname": "a case", "password": PASSWORD}


def test_a_users_life(harbor: Live) -> None:
    user = harbor.user(PASSWORD)
    [found] = harbor.call("GET", "/users", 200, params={"q": f"username={user[0]}"}).json()
    assert (found["username"], found["sysadmin_flag"]) == (user[0], False)
    current = harbor.call("GET", "/users/current", 200, who=user).json()
    assert current["user_id"] == found["user_id"]
    harbor.call("DELETE", f"/users/{found['user_id']}", 200)
    assert harbor.call("GET", "/users", 200, params={"q": f"username={user[0]}"}).json() == []
    harbor.call("GET", "/users/current", 401, who=user)


def test_a_duplicate_email_reads_like_a_duplicate_name(harbor: Live) -> None:
    name = harbor.user(PASSWORD)[0]
    email, other = f"{harbor.name('mail')}@example.org", harbor.name("user")
    same_name = harbor.call("POST", "/users", 409, body=body(name, email))
    same_email = harbor.call("POST", "/users", 409, body=body(other, f"{name}@example.org"))
    # Neither says which of the two it is.
    assert message(same_name) == f"user {name} or email {email} already exists"
    assert message(same_email) == f"user {other} or email {name}@example.org already exists"


@pytest.mark.parametrize("password", ["Sh0rt-1", "A1" + "b" * 127, "no-capital-1", "NO-SMALL-1", "No-digit-"])
def test_passwords_that_harbor_refuses(harbor: Live, password: str) -> None:
    name = harbor.name("user")
    refused = body(name, f"{name}@example.org") | {"password": password}
    assert "8-128" in message(harbor.call("POST", "/users", 400, body=refused))


def test_a_password_of_128_is_taken(harbor: Live) -> None:
    harbor.call("GET", "/users/current", 200, who=harbor.user("A1" + "b" * 126))


def test_the_administrator_is_not_listed(harbor: Live) -> None:
    assert harbor.call("GET", "/users", 200, params={"q": "username=admin"}).json() == []


def test_changing_a_password(harbor: Live) -> None:
    name, _ = user = harbor.user(PASSWORD)
    path = f"/users/{harbor.call('GET', '/users/current', 200, who=user).json()['user_id']}/password"
    wrong = {"old_password": WRONG, "new_password": OTHER}
    harbor.call("PUT", path, 403, who=user, body=wrong)
    same = {"old_password": PASSWORD, "new_password": PASSWORD}
    harbor.call("PUT", path, 400, who=user, body=same)
    weak = {"old_password": PASSWORD, "new_password": "weak"}
    harbor.call("PUT", path, 400, who=user, body=weak)
    harbor.call("PUT", path, 200, who=user, body={"old_password": PASSWORD, "new_password": OTHER})
    harbor.call("GET", "/users/current", 200, who=(name, OTHER))
    harbor.call("GET", "/users/current", 401, who=user)


def test_breakwaters_own_client_changes_it(harbor: Live, ca: str) -> None:
    name, _ = harbor.user(PASSWORD)
    with Harbor(harbor.url, ca) as client:
        assert client.logs_in(name, PASSWORD) is True
        client.change_password(name, PASSWORD, OTHER)
        assert client.logs_in(name, OTHER) is True
        assert client.logs_in(name, PASSWORD) is False
        with pytest.raises(HarborError) as caught:
            client.change_password(name, OTHER, OTHER)
        assert caught.value.status == 400


def test_an_administrator_sets_a_users_password_without_the_old_one(harbor: Live) -> None:
    name, _ = user = harbor.user(PASSWORD)
    path = f"/users/{harbor.call('GET', '/users/current', 200, who=user).json()['user_id']}/password"
    harbor.call("PUT", path, 200, body={"new_password": OTHER})
    harbor.call("GET", "/users/current", 200, who=(name, OTHER))


def test_a_wrong_password_takes_time_and_keeps_the_right_one_out_meanwhile(harbor: Live) -> None:
    name, _ = user = harbor.user(PASSWORD)
    took: list[float] = []

    def guess() -> None:
        began = time.monotonic()
        harbor.ask("GET", "/users/current", who=(name, WRONG))
        took.append(time.monotonic() - began)

    guessing = threading.Thread(target=guess)
    guessing.start()
    statuses = []
    while guessing.is_alive():
        statuses.append(harbor.ask("GET", "/users/current", who=user).status_code)
        time.sleep(0.2)
    # Harbor's frozenTime (core/auth): why a quick 401 is no verdict for breakwater
    assert took[0] >= 1.5
    assert 401 in statuses
    time.sleep(1.6)
    harbor.call("GET", "/users/current", 200, who=user)
