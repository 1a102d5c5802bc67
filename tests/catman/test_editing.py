"""What the editor shows and does, by its own HTTP resources, with the real ATS behind it."""

import re
from itertools import pairwise

import pytest

from catman.domain.tree import PAGE_VALUES
from catman.views import UNSEEN
from catrelay.models import CategoryValueWrite, CategoryWrite, RelatedData, RulesWrite
from tests.catman.conftest import PATIENCE_SECONDS, House
from tests.catman.stage import TENANT

NAMES = [
    "Te Kōtuku Māori",
    "التصميم",
    "👩🏽‍💻 Dev",
    "e\u0301 combining",
    "<img src=x onerror=alert(1)>",
    "\"&'<b>",
    "  two  ",
]


def ids_in(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'data-id="(\d+)"', html)]


def test_all_categories_are_listed_with_the_org_tree(house: House) -> None:
    page = house.get(f"/t/{TENANT}/edit").text

    assert "Expertise" in page
    assert f'href="/t/{TENANT}/edit/orgs"' in page


def test_the_org_tree_is_edited_like_a_category(house: House) -> None:
    response = house.post(f"/t/{TENANT}/edit/orgs/changes", {"kind": "create", "name": "Head office"})

    assert response.status_code == 200
    assert "Head office" in house.get(f"/t/{TENANT}/edit/orgs").text
    assert [org.name for org in house.run(house.ats.tree, None).answer] == ["Head office"]


def test_only_the_roots_are_in_the_page_and_children_come_when_asked_for(house: House) -> None:
    root = house.add("IT")
    child = house.add("Data Sciences", root)

    assert ids_in(house.get(house.base).text) == [root.id]
    assert ids_in(house.get(f"{house.base}/children", parent=root.id).text) == [child.id]


def test_many_siblings_come_page_by_page(house: House) -> None:
    writes = [CategoryValueWrite(name=f"{number:04}") for number in range(PAGE_VALUES + 5)]
    results = house.run(lambda: house.ats.write_values(house.category, writes, atomic=True)).results
    last = results[-1].value

    assert last is not None
    assert len(ids_in(house.get(house.base).text)) == PAGE_VALUES
    assert last.id in ids_in(house.get(f"{house.base}/children", start=PAGE_VALUES).text)
    assert last.id in ids_in(house.get(f"{house.base}/children", containing=last.id).text)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_and_comes_back_as_it_was_given(house: House, name: str) -> None:
    response = house.change(kind="create", name=name)

    written = house.run(house.ats.tree, house.category).answer[0]
    pages = [house.base, f"{house.base}/values/{written.id}", f"{house.base}/search?q={written.id}"]
    assert response.status_code == 200
    assert written.name == name
    for page in pages:
        text = house.get(page).text
        assert "<img" not in text
        assert "<b>" not in text


def test_a_search_shows_where_each_match_is(house: House) -> None:
    root = house.add("Aotearoa")
    match = house.add("Ōtautahi", root)

    found = house.get(f"{house.base}/search", q="otau").text

    assert ids_in(found) == [match.id]
    assert "Aotearoa" in found


def test_without_a_word_the_values_beside_one_are_suggested(house: House) -> None:
    values = [house.add(name) for name in ("One", "Two", "Three")]

    assert sorted(ids_in(house.get(f"{house.base}/search", q="", near=values[0].id).text)) == [
        values[1].id,
        values[2].id,
    ]


def test_every_apps_summary_is_shown_as_clean_html_and_silence_as_such(house: House) -> None:
    value = house.add("IT")
    house.site.held[value.id] = RelatedData(
        summary="*Jake* <script>alert(1)</script> [x](javascript:alert(1))", counts={"testimonials": 1}
    )

    answers = {line.get("app"): line["html"] for line in house.lines(f"{house.base}/values/{value.id}/summaries")}

    assert "<em>Jake</em> &lt;script&gt;" in answers["careersite"]
    assert "1 testimonial<" in answers["careersite"]
    assert "<a" not in answers["careersite"]
    assert "Nothing here." in answers["ats"]
    assert "No answer: it cannot be reached" in answers["onboarding"]
    assert f"No answer within {PATIENCE_SECONDS} seconds." in answers["payroll"]


def test_a_preview_offers_both_meanings_of_a_drop(house: House) -> None:
    takapuna, north_shore = house.add("Takapuna"), house.add("North Shore")

    preview = house.get(f"{house.base}/values/{takapuna.id}/preview", onto=north_shore.id).text

    assert 'value="merge"' in preview
    assert 'value="below"' in preview
    assert preview.index('value="merge"') < preview.index("checked") < preview.index('value="below"')


def test_a_merge_that_cannot_be_is_explained_and_the_move_offered(house: House) -> None:
    auckland, wellington = house.add("Auckland"), house.add("Wellington")
    house.add("Takapuna", auckland)

    preview = house.get(f"{house.base}/values/{auckland.id}/preview", onto=wellington.id).text

    assert "still has a value below it" in preview
    assert preview.index('value="below"') < preview.index("checked")


def test_the_impact_is_asked_of_every_app_in_the_words_of_the_contract(house: House) -> None:
    takapuna, north_shore = house.add("Takapuna"), house.add("North Shore")
    house.site.impacts[takapuna.id] = RelatedData(summary="2 testimonials move", counts={"testimonials": 2})

    path = f"{house.base}/values/{takapuna.id}/impacts"
    *answers, total = house.lines(path, kind="merge", onto=north_shore.id)

    assert house.site.asked == [{"id": takapuna.id, "available": False, "remappedTo": north_shore.id}]
    assert {answer["app"] for answer in answers} == {"ats", "careersite", "onboarding", "payroll"}
    assert "Affects 2 testimonials in 1 app. What happens at onboarding and payroll is not known." in total["html"]
    assert house.value(takapuna).available


def test_the_preview_counts_the_jobs_that_would_move(house: House) -> None:
    takapuna, north_shore = house.add("Takapuna"), house.add("North Shore")
    categories = [{"category": house.category, "values": [takapuna.id]}]
    job = house.run(house.ats.create_job, {"title": "Barista", "categories": categories})

    path = f"{house.base}/values/{takapuna.id}/impacts"
    *answers, total = house.lines(path, kind="merge", onto=north_shore.id)
    house.change(kind="merge", value=takapuna.id, onto=north_shore.id)

    assert "1 job<" in next(answer["html"] for answer in answers if answer["app"] == "ats")
    assert "Affects 1 job in 1 app." in total["html"]
    moved = house.run(house.ats.job, job.id).categories
    assert moved is not None
    assert [each.values for each in moved.root] == [(north_shore.id,)]


def test_what_the_ats_would_refuse_is_told_before_anybody_confirms(house: House) -> None:
    rules = RulesWrite(leaf_selection_only=True)
    made = house.run(house.ats.create_category, CategoryWrite(name="Region", job_rules=rules))
    base = f"/t/{TENANT}/edit/{made.id}"
    auckland, shore, wellington = (
        house.post(f"{base}/changes", body).json()["path"][-1]
        for body in (
            {"kind": "create", "name": "Auckland"},
            {"kind": "create", "name": "North Shore"},
            {"kind": "create", "name": "Wellington"},
        )
    )
    house.post(f"{base}/changes", {"kind": "below", "value": shore, "onto": auckland})

    *answers, total = house.lines(f"{base}/values/{wellington}/impacts", kind="merge", onto=auckland)

    assert "Would refuse this" in next(answer["html"] for answer in answers if answer["app"] == "ats")
    assert "ATS would refuse this" in total["html"]


def test_a_merge_retires_the_value_in_favour_of_the_other(house: House) -> None:
    takapuna, north_shore = house.add("Takapuna"), house.add("North Shore")

    done = house.change(kind="merge", value=takapuna.id, onto=north_shore.id).json()

    after = house.value(takapuna)
    assert (after.available, after.remapped_to) == (False, north_shore.id)
    assert done["path"] == [north_shore.id]
    assert done["lists"] == [0]
    assert ids_in(house.get(f"{house.base}/children").text) == [north_shore.id]


def test_one_never_sees_the_tree_as_it_was_before_ones_own_change(house: House) -> None:
    value = house.add("IT")
    for number in range(3):
        assert f">{house.value(value).name}<" in house.get(house.base).text
        house.change(kind="rename", value=value.id, name=f"IT {number}")

        assert f">IT {number}<" in house.get(house.base).text


def test_a_value_can_be_moved_below_another_and_back_to_the_top(house: House) -> None:
    shore, takapuna = house.add("North Shore"), house.add("Takapuna")

    down = house.change(kind="below", value=takapuna.id, onto=shore.id).json()
    parent = house.value(takapuna).parent
    up = house.change(kind="top", value=takapuna.id).json()

    assert (down["lists"], down["path"], parent) == ([0, shore.id], [shore.id, takapuna.id], shore.id)
    assert (up["lists"], up["path"]) == ([shore.id, 0], [takapuna.id])
    assert house.value(takapuna).parent is None


def test_a_value_can_be_retired_without_a_successor(house: House) -> None:
    value = house.add("Old")

    preview = house.get(f"{house.base}/values/{value.id}/preview", retire=True).text
    house.change(kind="retire", value=value.id)

    assert "everything that uses it loses it" in preview
    assert not house.value(value).available
    assert "This value was retired." in house.get(f"{house.base}/values/{value.id}").text


def test_a_retired_value_says_where_its_objects_are(house: House) -> None:
    old, new = house.add("Old"), house.add("New")
    house.change(kind="merge", value=old.id, onto=new.id)

    details = house.get(f"{house.base}/values/{old.id}").text

    assert f'data-reveal="{new.id}"' in details


def test_a_retired_value_says_where_its_objects_are_after_further_merges(house: House) -> None:
    values = [house.add(name) for name in ("Old", "Newer", "Newest")]
    for old, new in pairwise(values):
        house.change(kind="merge", value=old.id, onto=new.id)

    details = house.get(f"{house.base}/values/{values[0].id}").text

    assert f'data-reveal="{values[-1].id}"' in details


def test_a_value_whose_successor_was_retired_has_none(house: House) -> None:
    old, new = house.add("Old"), house.add("New")
    house.change(kind="merge", value=old.id, onto=new.id)
    house.change(kind="retire", value=new.id)

    details = house.get(f"{house.base}/values/{old.id}").text

    assert "This value was retired.</p>" in details


def test_a_change_is_reported_as_made_also_when_the_tree_cannot_be_fetched_after_it(house: House) -> None:
    value = house.add("IT")
    assert ids_in(house.get(house.base).text) == [value.id]
    house.line.breaks_after_writes = True

    done = house.change(kind="rename", value=value.id, name="ICT")

    assert done.status_code == 200
    assert done.json()["message"].endswith(UNSEEN)
    assert (done.json()["lists"], done.json()["path"]) == ([], [])
    assert house.value(value).name == "ICT"


def test_what_the_ats_refuses_is_answered_with_its_reason(house: House) -> None:
    auckland, wellington = house.add("Auckland"), house.add("Wellington")
    house.add("Takapuna", auckland)

    response = house.change(kind="merge", value=auckland.id, onto=wellington.id)

    assert response.status_code == 400
    assert response.json()["title"] == "The value has available children"
    assert response.json()["detail"]


def test_a_change_confirmed_on_an_old_preview_is_not_made(house: House) -> None:
    one, two, three = house.add("One"), house.add("Two"), house.add("Three")
    preview = house.get(f"{house.base}/values/{one.id}/preview", onto=two.id).text
    seq = re.search(r'data-journal-seq="(\d+)"', preview)
    house.run(house.ats.write_value, house.category, CategoryValueWrite(id=two.id, available=False))

    assert seq is not None
    response = house.change(kind="merge", value=one.id, onto=three.id, journalSeq=int(seq[1]))

    assert response.status_code == 412
    assert house.value(one).available


def test_an_unknown_category_is_a_page_that_says_so(house: House) -> None:
    for path in (f"/t/{TENANT}/edit/999", f"/t/{TENANT}/edit/nonsense"):
        response = house.get(path)

        assert response.status_code == 404
        assert "All categories" in response.text


def test_an_unknown_value_is_a_problem(house: House) -> None:
    for path in ("/children?parent=999", "/values/999", "/values/999/preview?onto=1", "/children?parent=x"):
        response = house.get(house.base + path)

        assert response.headers["content-type"] == "application/problem+json"
        assert response.status_code in {400, 404}


def test_values_with_a_location_show_it(house: House) -> None:
    made = house.run(house.ats.create_category, CategoryWrite(name="Location", key="LOCATION"))
    body = CategoryValueWrite.model_validate({"name": "Office", "location": {"lat": -36.8, "lng": 174.7}})
    office = house.run(house.ats.write_value, made.id, body)

    assert "-36.8, 174.7" in house.get(f"/t/{TENANT}/edit/{made.id}/values/{office.id}").text
