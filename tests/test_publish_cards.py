"""What people write into a card, here and on the Hub, survives publishing; where both did, nothing is chosen unseen."""

from pathlib import Path

import pytest

from emohub.card import prose, render_folder
from emohub.errors import CardError, PublishError
from emohub.publish import plan, publish
from emohub.publish.cards import join_cards, prose_digest
from tests.hub import Blob, Hub
from tests.publishing import REPO

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")

OURS, THEIRS = "\nWritten here: café.\n", "\r\nWritten on the Hub.\r\n\r\n---\r\n"


def add_text(card: str, text: str, part: str = "results") -> str:
    """The card with a text behind one of its rendered parts."""
    end = f"<!-- emohub:end {part} -->\n"
    assert end in card
    return card.replace(end, end + text)


def write_local(run: Path, text: str) -> None:
    (run / "README.md").write_bytes(add_text(render_folder(run), text).encode())


def write_remote(hub: Hub, card: str | bytes) -> None:
    """Somebody saves the card in the Hub's editor."""
    repo = hub.repos[REPO]
    content = card.encode() if isinstance(card, str) else card
    repo.commit("main", "edit", repo.head.files | {"README.md": Blob(content)}, repo.head.oid)


def remote_card(hub: Hub) -> str:
    return hub.repos[REPO].head.files["README.md"].content.decode()


def test_text_of_the_hub_survives_any_number_of_publications_and_comes_home(online: Hub, run_folder: Path) -> None:
    publish(plan(str(run_folder), REPO))
    write_remote(online, add_text(remote_card(online), THEIRS))
    text = prose(remote_card(online))
    (run_folder / "checkpoint" / "vocab.txt").write_text("[PAD]\n", encoding="utf-8")
    published = publish(plan(str(run_folder), REPO))
    assert "README.md" not in published.uploaded  # it is as it should be
    assert any("now has what people wrote" in note for note in published.notes)
    assert prose((run_folder / "README.md").read_bytes().decode()) == text == prose(remote_card(online))
    assert publish(plan(str(run_folder), REPO)).commit is None
    assert prose(remote_card(online)) == text


def test_text_from_here_goes_up_and_can_be_changed_and_taken_back(online: Hub, run_folder: Path) -> None:
    for text in (OURS, "\nChanged here.\n", ""):
        write_local(run_folder, text)
        publish(plan(str(run_folder), REPO))
        assert prose(remote_card(online)).strip() == text.strip()


def test_text_on_both_sides_is_refused_until_somebody_chooses(online: Hub, run_folder: Path) -> None:
    publish(plan(str(run_folder), REPO))
    write_remote(online, add_text(remote_card(online), THEIRS))
    write_local(run_folder, OURS)
    commits = len(online.repos[REPO].commits)
    with pytest.raises(PublishError, match=r"differs between README\.md here and the card on the Hub") as caught:
        publish(plan(str(run_folder), REPO))
    assert "--card local or --card remote" in caught.value.remedy
    assert len(online.repos[REPO].commits) == commits
    publish(plan(str(run_folder), REPO, keep="local"))
    assert prose(remote_card(online)).strip() == OURS.strip()
    write_remote(online, add_text(remote_card(online), THEIRS, "summary"))
    write_local(run_folder, "\nAnother.\n")
    publish(plan(str(run_folder), REPO, keep="remote"))
    assert "Written on the Hub." in remote_card(online)
    assert "Another" not in remote_card(online)


def test_a_publication_to_another_place_says_nothing_about_this_one(online: Hub, run_folder: Path) -> None:
    """What was published there last is no reason to take text of here for old."""
    for options in ({"repo_id": "ada/other"}, {"repo_id": REPO, "revision": "next"}):
        repo = online.add_repo(REPO)
        write_local(run_folder, OURS)
        publish(plan(str(run_folder), **options))  # type: ignore[arg-type]
        card = add_text(render_folder(run_folder, repo_id=REPO), THEIRS).encode()
        repo.commit("main", "edit", repo.head.files | {"README.md": Blob(card)}, repo.head.oid)
        with pytest.raises(PublishError, match=r"differs between README\.md here and the card on the Hub"):
            publish(plan(str(run_folder), REPO))


def test_a_tag_that_was_added_on_the_hub_stays(online: Hub, run_folder: Path) -> None:
    publish(plan(str(run_folder), REPO))
    write_remote(online, remote_card(online).replace("tags:\n", "tags:\n- added-there\n", 1))
    write_local(run_folder, OURS)
    publish(plan(str(run_folder), REPO))
    assert "added-there" in remote_card(online)
    assert prose(remote_card(online)).strip() == OURS.strip()
    assert publish(plan(str(run_folder), REPO)).commit is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# A card of somebody's own\n", "cannot be merged: the card has no markers"),
        (b"---\nlicense: mit\n---\n<!-- emohub:begin summary -->\n", "cannot be merged: .* has no end"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_card_that_cannot_be_merged_is_replaced_only_when_asked(
    online: Hub, run_folder: Path, content: bytes, message: str
) -> None:
    online.add_repo(REPO)
    write_remote(online, content)
    with pytest.raises(PublishError, match=message):
        publish(plan(str(run_folder), REPO))
    assert online.repos[REPO].head.files["README.md"].content == content
    publish(plan(str(run_folder), REPO, keep="local"))
    assert prose(remote_card(online)) == ""


def test_a_foreign_card_is_kept_below_when_asked(online: Hub, run_folder: Path) -> None:
    online.add_repo(REPO)
    write_remote(online, "# A card of somebody's own\n")
    publish(plan(str(run_folder), REPO, keep="remote"))
    assert remote_card(online).endswith("\n# A card of somebody's own\n")


def test_the_front_matter_that_the_hub_starts_a_repository_with_is_no_conflict(online: Hub, run_folder: Path) -> None:
    online.add_repo(REPO)
    write_remote(online, "---\nlicense: mit\n---\n")
    assert publish(plan(str(run_folder), REPO)).commit


def test_the_text_of_others_stays_in_a_pull_request_and_does_not_come_home(online: Hub, run_folder: Path) -> None:
    online.add_repo(REPO)
    write_remote(online, add_text(plan(str(run_folder), REPO).card, THEIRS))
    before = (run_folder / "README.md").read_bytes()
    publish(plan(str(run_folder), REPO, create_pr=True))
    repo = online.repos[REPO]
    assert "Written on the Hub." in repo.commits[repo.refs["refs/pr/1"]].files["README.md"].content.decode()
    assert (run_folder / "README.md").read_bytes() == before


def test_a_secret_that_somebody_wrote_on_the_hub_is_not_published_again(online: Hub, run_folder: Path) -> None:
    publish(plan(str(run_folder), REPO))
    secret = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"
    write_remote(online, add_text(remote_card(online), f"\nUse {secret}\n").replace("# ", "#  ", 1))
    with pytest.raises(PublishError) as caught:
        publish(plan(str(run_folder), REPO))
    assert secret not in str(caught.value)


def test_cards_are_joined_by_who_changed_what(run_folder: Path) -> None:
    """All nine cases of unchanged, changed and removed on each side, against the table that says who wins."""
    card = plan(str(run_folder), REPO).card
    texts = {"same": "\nOld.\n", "changed here": "\nOurs.\n", "changed there": "\nTheirs.\n", "removed": ""}
    old = prose_digest(add_text(card, texts["same"]))
    for ours in ("same", "changed here", "removed"):
        for theirs in ("same", "changed there", "removed"):
            local, remote = add_text(card, texts[ours]), add_text(card, texts[theirs])
            if "same" not in (ours, theirs) and ours != theirs:
                with pytest.raises(PublishError):
                    join_cards(local, remote, published=old, keep=None)
                continue
            wanted = texts[theirs] if ours == "same" else texts[ours]
            assert prose(join_cards(local, remote, published=old, keep=None)).strip() == wanted.strip()
            assert prose(join_cards(local, remote, published=old, keep="local")).strip() == texts[ours].strip()
            assert prose(join_cards(local, remote, published=old, keep="remote")).strip() == texts[theirs].strip()


def test_a_broken_marker_here_stops_the_plan(run_folder: Path) -> None:
    card = render_folder(run_folder)
    (run_folder / "README.md").write_text(card.replace("<!-- emohub:end results -->\n", ""), encoding="utf-8")
    with pytest.raises(CardError, match="results"):
        plan(str(run_folder), REPO)
