"""What rules and statistics find: useful on real documents, honest where they know nothing, quick on hostile text."""

import pytest

from graphs.facets.offline.entities import entities
from graphs.facets.offline.korean import Stems
from graphs.facets.offline.sentiment import sentiment
from graphs.facets.offline.terms import KeyTerms
from tests.model_server import ROOT

SAMPLES = ROOT / "samples"
STORY = (SAMPLES / "orphans-of-the-void.txt").read_text()
CONSTITUTION = (SAMPLES / "constitution-of-korea.txt").read_text()
PAPER = (SAMPLES / "photobook-dialogue-dataset.md").read_text()
ACT = (SAMPLES / "culture-act-euc-kr.txt").read_text("euc-kr")


def terms_of(text: str, *others: str) -> list[str]:
    return KeyTerms([text, *others]).of(0)


def named(text: str, *types: str) -> list[str]:
    return [name for type, name in entities(text) if not types or type in types]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STORY, {"Steffens", "robots", "Makers", "planet", "ship"}),
        (CONSTITUTION, {"법률", "대통령", "국회", "국민", "헌법", "국무총리"}),
        (ACT, {"문화", "국가", "지방자치단체", "문화예술"}),
        (PAPER, {"dialogue", "PhotoBook dataset", "referring expressions", "reference chain"}),
    ],
)
def test_key_terms_of_the_samples_tell_what_they_are_about(text: str, expected: set[str]) -> None:
    found = terms_of(text)
    assert expected <= set(found[:20])
    for term in found:
        assert term in text


def test_key_terms_have_words_that_stand_together_and_no_stop_words() -> None:
    found = terms_of(PAPER)
    assert sum(" " in term for term in found) >= 8
    assert not {"the", "of", "and", "this", "we", "also", "https"} & {term.lower() for term in found}


def test_korean_key_terms_stand_without_their_particles() -> None:
    found = terms_of(
        "안산 항구는 오래되었다. 배가 안산 항구에 들어왔다. 시는 안산 항구를 고쳤다. 어민은 안산 항구의 배를 판다."
    )
    assert "안산 항구" in found
    assert not any(term.endswith(("항구는", "항구를", "항구에", "항구의")) for term in found)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Der Hafen von Ansan ist alt. Der Hafen wurde gebaut. Im Hafen liegen Schiffe. " * 3, "Hafen"),
        ("港は古い。安山港は大きい。安山港に船が来た。安山港を直した。古い安山港だ。", "安山港"),
        ("安山港口很大。船到安山港口了。他们修了安山港口。安山港口有船。", "安山港口"),
        ("बंदरगाह पुराना है। जहाज बंदरगाह में आए। लोग बंदरगाह देखते हैं। " * 3, "बंदरगाह"),
        ("Порт Ансан открыт. Корабли идут в порт Ансан. Город закрыл порт Ансан.", "порт Ансан"),
    ],
)
def test_key_terms_are_found_in_other_languages_too(text: str, term: str) -> None:
    assert term.lower() in [found.lower() for found in terms_of(text)]


@pytest.mark.parametrize(
    ("text", "term", "never"),
    [
        ("في عام 1923 افتتح الميناء. في عام 1929 دمرت عاصفة الميناء. في عام 1935 كبر الميناء.", "الميناء", "في"),
        ("बंदरगाह में जहाज आए। बंदरगाह में तूफान आया। बंदरगाह में रेल आई।", "बंदरगाह", "में"),
        ("港口于1923年开放。为了港口，建造了一座灯塔。港口有了一座码头。扩建港口的人。", "港口", "了一"),
        ("Le port de la ville est dans la baie. Le port de la ville a brûlé. Le port est là.", "port", "dans"),
    ],
)
def test_stop_words_of_other_languages_are_no_terms(text: str, term: str, never: str) -> None:
    found = terms_of(text)
    assert term in found
    assert not any(never in each.split() for each in found)


def test_what_every_document_speaks_of_tells_less_of_one() -> None:
    common = "The committee met. It heard of {0}. It spoke about {0}. The committee went to {0}. The committee rose."
    texts = [common.format(topic) for topic in ("harbours", "railways", "forests", "museums")]
    assert terms_of(*texts)[0] == "harbours"


def test_a_person_who_has_a_title_once_is_a_person_under_the_whole_name() -> None:
    text = "The lawyer Andrew Wyatt came late. Nobody asked Mr. Wyatt why. He saw Ann B. Lee, and Lee saw him in Ansan."
    found = entities(text)
    assert {("person", "Wyatt"), ("person", "Andrew Wyatt"), ("person", "Ann B. Lee"), ("person", "Lee")} <= set(found)
    assert ("person", "Ansan") not in found


def test_a_name_stands_without_particles_likenings_and_articles() -> None:
    text = (
        "They tried a BERT-based parser and a Facebook-like page. See Figure 3. Long before the Makers came, a ship "
        "looked for the Makers. 연구팀은 GPT를 써서 사진을 나누었다."
    )
    found = named(text)
    assert {"BERT", "Facebook", "Makers", "GPT"} <= set(found)
    assert not {"BERT-based", "Facebook-like", "Figure", "the Makers", "GPT를"} & set(found)


def test_the_same_batch_gives_the_same_terms_and_entities() -> None:
    assert terms_of(STORY, CONSTITUTION) == terms_of(STORY, CONSTITUTION)
    assert entities(STORY) == entities(STORY)


def test_names_dates_sums_and_addresses_are_told_apart() -> None:
    text = (
        "On 3 May 2021 the city of Ansan asked Mr. Harker for 1,200 ships. Later Harker paid $3.5 million to the "
        "Ministry of Trade and Industry in Germany. Write to port@ansan.example.org by 2024-01-31. It grew by 4.5% "
        "in 1999, said Jane Q. Public."
    )
    found = entities(text)
    assert {
        ("date", "3 May 2021"),
        ("place", "Germany"),
        ("person", "Harker"),
        ("number", "1,200"),
        ("money", "$3.5 million"),
        ("organisation", "Ministry of Trade and Industry"),
        ("email", "port@ansan.example.org"),
        ("date", "2024-01-31"),
        ("number", "4.5%"),
        ("date", "1999"),
        ("person", "Jane Q. Public"),
    } <= set(found)
    assert "On" not in named(text)
    assert "Later" not in named(text)


def test_korean_names_are_told_by_what_they_end_in_and_what_follows() -> None:
    text = "김철수 대통령은 2021년 5월 3일 서울에서 선거관리위원회와 대법원을 찾았다. 비용은 300억 원이다. 이내에 결정한다."
    found = set(entities(text))
    assert {
        ("person", "김철수"),
        ("date", "2021년 5월 3일"),
        ("place", "서울"),
        ("organisation", "선거관리위원회"),
        ("organisation", "대법원"),
        ("money", "300억 원"),
    } <= found
    assert len([name for type, name in found if type == "person"]) == 1


def test_the_parties_of_a_korean_contract_and_who_speaks_in_minutes_are_named() -> None:
    text = (
        "주식회사 한빛상사(이하 갑)와 ㈜누리테크는 한국물산(주)의 물품을 나눈다. 주식회사 설립은 관할법원에 신청한다. "
        "박지영 과장: 인증이 늦어졌음. 이도현 대리가 설명함. 갑: 주식회사 한빛상사 대표이사 김철수 (인) 을: 최영희 (서명)"
    )
    found = set(entities(text))
    assert {name for type, name in found if type == "organisation"} == {
        "주식회사 한빛상사",
        "㈜누리테크",
        "한국물산(주)",
    }
    assert {name for type, name in found if type == "person"} == {"박지영", "이도현", "김철수", "최영희"}


def test_names_of_the_samples_are_there_and_little_else() -> None:
    assert named(CONSTITUTION, "organisation")[:3] == ["국회", "대법원", "헌법재판소"]
    assert named(CONSTITUTION, "person") == []
    assert "대한민국" in named(CONSTITUTION, "place")
    assert "1948년 7월 12일" in named(CONSTITUTION, "date")
    assert ("person", "Steffens") in entities(STORY)
    assert {"Mapping Command", "Tyban IV"} <= set(named(STORY))


def test_a_capital_at_a_sentences_start_is_no_name() -> None:
    text = "Ships came. Boats left. Harbours were full. Then Ansan slept. Ansan woke. He saw Busan."
    assert set(named(text)) == {"Ansan", "Busan"}


def test_an_ordinary_word_in_front_of_a_name_is_no_part_of_it() -> None:
    text = "Quickly Harker left. He ran quickly. They saw Harker. New Haven slept. They left New Haven, which was new."
    assert set(named(text)) == {"Harker", "New Haven"}


def test_where_capitals_say_nothing_no_names_are_guessed() -> None:
    german = "Der Hafen liegt an der Küste, und das Schiff kam am Abend in die Stadt mit der Ladung. " * 3
    assert named(german, "person", "place", "organisation", "other") == []
    shouted = "THE HARBOUR OF ANSAN IS OPEN TO SHIPS FROM BUSAN. " * 3
    assert named(shouted, "person", "place") == []


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The film was wonderful. I loved every minute of it. A superb, moving success.", "positive"),
        ("The film was terrible. I hated every minute of it. An awful, boring failure.", "negative"),
        ("The film was not good. I did not enjoy it. It never succeeds.", "negative"),
        ("The film was shown on Monday. It has two parts. The second is longer.", "neutral"),
        ("The food was wonderful. The service was terrible.", "mixed"),
    ],
)
def test_english_sentiment_is_told_by_what_is_said(text: str, label: str) -> None:
    assert sentiment(text)[0] == label


def test_a_report_is_not_glad_of_the_benefits_nor_sorry_for_the_risks_that_it_names() -> None:
    benefits = (
        "The Department pays disability benefits and other benefits. A veteran may be awarded health benefits. The award "
        "is reviewed every year. The Department supports claims by letter. Operators have a safe and effective system."
    )
    risks = (
        "The Office assesses the risk of flood. A flood of severe risk is reported. The damage of each is recorded, and "
        "the loss is weighed. Complaints are kept for a year. The emergency plan names the risk of each town."
    )
    for text in (benefits, risks):
        label, score = sentiment(text)
        assert label == "neutral"
        assert abs(score) < 0.15
    assert sentiment(benefits + " It was wonderful. Everybody loved the friendly and helpful people. Great!")[1] > 0.15
    assert sentiment("I would recommend it.")[0] == "positive"


def test_sentiment_is_a_score_from_minus_one_to_one_and_opposites_have_opposite_signs() -> None:
    for text in ("wonderful " * 500, "terrible " * 500, STORY, PAPER, "", "..."):
        assert -1 <= sentiment(text)[1] <= 1
    assert sentiment("It is very good.")[1] > sentiment("It is good.")[1] > sentiment("It is somewhat good.")[1] > 0
    assert sentiment("It is not good.")[1] < 0 < sentiment("It is not bad.")[1]


def test_words_that_stand_where_verbs_do_are_no_key_terms() -> None:
    text = (
        "The crew will repair the cable bridge. They repair the cable bridge in May, as was announced Wednesday. To learn "
        "more, visitors can visit the harbour office. The harbour office is open. They learn to visit early."
    )
    found = terms_of(text)
    assert {"cable bridge", "harbour office"} <= set(found)
    assert not {"repair", "learn", "visit", "wednesday"} & {word.lower() for term in found for word in term.split()}


def test_a_word_that_is_a_noun_more_often_than_a_verb_is_a_key_term() -> None:
    text = "They test the vinegar. The test is cheap. In the test, women come first. A test takes an hour. We test all."
    assert "test" in terms_of(text)


def test_the_parties_and_articles_of_a_korean_contract_are_no_key_terms() -> None:
    found = terms_of(
        "제1조(대금) 갑은 을에게 계약 금액을 지급한다. 을의 청구서는 매월 말일에 갑에게 제출한다.\n"
        "제2조(비밀유지) 갑과 을은 비밀정보를 제3자에게 공개하지 않는다. 을의 직원은 비밀정보를 지킨다. 갑의 비밀정보는 반환한다.\n"
        "제3조(해지) 갑은 을의 위반이 있을 때 계약을 해지할 수 있다. 을의 책임은 계약 금액을 넘지 않는다."
    )
    assert {"계약 금액", "비밀정보", "청구서"} <= set(found)
    assert [term for term in found if term[0] in "갑을" or term.startswith(("제1조", "제2조", "제3조"))] == []


def test_korean_verbs_and_stop_words_with_particles_are_no_key_terms() -> None:
    text = (
        "석기를 만드는 원숭이가 있다. 원숭이가 만든 석기를 본다. 석기를 개발한다는 것이 중요하다. 새로운 과제로는 석기가 꼽혔다. "
        "과제는 석기를 만들 원숭이를 본다. 캐나다는 더욱 넓다. 캐나다를 본다."
    )
    found = set(terms_of(text))
    assert {"석기", "원숭이", "과제", "캐나다"} <= found
    assert not {"만드", "만들", "만든", "개발한다", "것이", "과제로", "더욱", "새로운"} & found


@pytest.mark.parametrize(
    ("text", "word", "stem"),
    [
        ("국가는 국가를 국가", "국가", "국가"),
        ("국가는 국가를", "국가는", "국가"),
        ("회의를 회의에서 회의", "회의", "회의"),
        ("서울로 서울은", "서울로", "서울"),
        ("부산으로", "부산으로", "부산"),
    ],
)
def test_a_particle_is_taken_off_where_sound_and_text_confirm_it(text: str, word: str, stem: str) -> None:
    assert Stems([text]).of(word) == stem


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "A",
        "a" * 300_000,
        "A " * 100_000,
        "A. " * 60_000,
        "Ab-" * 60_000,
        "1,234" * 30_000,
        "a@" * 60_000,
        "$1 " * 60_000,
        "가" * 100_000,
        "가는 " * 50_000,
        "漢" * 60_000,
        "\ud800 lone",
        "of the and " * 40_000,
        "Mr. " * 50_000,
        " ".join(f"He saw Xa{number} Q. and left." for number in range(20_000)),
        "saw A and " * 30_000,
        "\x00\x01" * 1_000,
    ],
    ids=lambda text: repr(text[:8]),
)
@pytest.mark.timeout(30)
def test_hostile_text_takes_no_long_time_and_raises_nothing(text: str) -> None:
    terms_of(text)
    entities(text)
    sentiment(text)
