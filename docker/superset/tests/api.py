"""Superset's API as a user asks it, without a browser."""

from secrets import token_hex

import requests


class Api:
    """A session of a user who is logged in."""

    def __init__(self, site: str, user: str, password: str):
        self.site = site
        self.session = requests.Session()
        # A proxy of this machine does not lead to Superset.
        self.session.trust_env = False
        who = {"username": user, "password": password, "provider": "db"}
        token = self.answer("POST", "/api/v1/security/login", json=who)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["X-CSRFToken"] = self.answer("GET", "/api/v1/security/csrf_token/")["result"]
        # Superset checks where a question comes from.
        self.session.headers["Referer"] = site

    def answer(self, method: str, path: str, **question) -> dict:
        answer = self.session.request(method, self.site + path, timeout=60, **question)
        answer.raise_for_status()
        return answer.json()

    def sql_lab(self, statement: str) -> tuple[int, str]:
        """Runs a statement in SQL Lab, on the warehouse: the status and the answer."""
        question = {"database_id": 1, "sql": statement, "schema": "public", "runAsync": False}
        question["client_id"] = token_hex(5)
        answer = self.session.post(f"{self.site}/api/v1/sqllab/execute/", json=question, timeout=150)
        return answer.status_code, answer.text
