from __future__ import annotations

import pytest

from tocsin.lab.app import MAX_PASSWORD, USERS, create_app, password_of


def client(**settings):
    return create_app(**{"slow": 0, "failure_rate": 0, "seed": 1, **settings}).test_client()


def log_in(app, user, password):
    return app.post("/login", data={"user": user, "password": password}).status_code


def test_it_is_healthy():
    assert client().get("/healthz").json == {"status": "ok"}


def test_right_and_wrong_passwords():
    app = client()
    assert log_in(app, USERS[3], password_of(USERS[3])) == 200
    assert log_in(app, USERS[3], password_of(USERS[3]).ljust(MAX_PASSWORD)) == 200
    assert log_in(app, USERS[3], "guess") == 401
    assert log_in(app, "nobody", password_of("nobody")) == 401
    assert log_in(app, "", "x") == 400
    assert log_in(app, "u" * 65, "x") == 400
    assert log_in(app, USERS[0], "x" * (MAX_PASSWORD + 1)) == 400
    assert log_in(app, USERS[0], "x" * 5 * MAX_PASSWORD) == 413
    page = app.get("/metrics").text
    assert "login_requests_total 8.0" in page
    assert "login_failures_total 2.0" in page


def test_a_visit_with_curl_is_a_login():
    app = client()
    assert app.get("/login").json == {"welcome": USERS[0]}
    assert "login_requests_total 1.0" in app.get("/metrics").text


@pytest.mark.parametrize("rate", [0, 0.3, 1])
def test_it_fails_on_purpose_and_the_same_way_for_the_same_seed(rate):
    def statuses():
        app = client(failure_rate=rate)
        return [app.get("/login").status_code for _ in range(200)]

    first = statuses()
    assert first == statuses()
    assert abs(first.count(401) / 200 - rate) < 0.1


@pytest.mark.parametrize("wrong", [{"failure_rate": 1.1}, {"failure_rate": -1}, {"slow": 60}])
def test_settings_have_bounds(wrong):
    with pytest.raises(ValueError, match="hint: "):
        client(**wrong)
