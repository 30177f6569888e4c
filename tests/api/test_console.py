"""The page for trying the node by hand."""

import base64
import hashlib
import re

import httpx


async def test_the_page_is_served_whole(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


async def test_the_page_needs_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", (await http.get("/")).text)


async def test_only_the_pages_own_script_may_run(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")
    script = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


async def test_the_page_speaks_both_languages(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert "機器人任務規劃器" in page
    assert "Robot task planner" in page


async def test_the_page_lets_people_answer_the_question_of_a_task(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert '<form id="question"' in page
    assert 'act("answer", {' in page
