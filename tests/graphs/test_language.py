"""Languages: told from short and long texts, and named in prompts."""

from pathlib import Path

import pytest

from graphs.text.language import SAME, SAMPLE_CHARACTERS, detect_language, language_name
from tests.model_server import ROOT

SENTENCES = {
    "en": "The city council voted on Monday to repair the old river bridge before the winter begins.",
    "ko": "시 의회는 겨울이 오기 전에 강변의 낡은 다리를 고치기로 월요일에 결정했다.",
    "ja": "市議会は冬が来る前に古い川の橋を修理することを月曜日に決定しました。",
    "zh": "市议会星期一投票决定在冬天到来之前修复那座古老的河桥，工程将持续十八个月。",
    "de": "Der Stadtrat hat am Montag beschlossen, die alte Flussbrücke noch vor dem Winter zu reparieren.",
    "fr": "Le conseil municipal a décidé lundi de réparer le vieux pont de la rivière avant l'hiver.",
    "es": "El ayuntamiento decidió el lunes reparar el viejo puente del río antes de que llegue el invierno.",
    "ru": "Городской совет решил в понедельник отремонтировать старый мост через реку до зимы.",
    "el": "Το δημοτικό συμβούλιο αποφάσισε τη Δευτέρα να επισκευάσει την παλιά γέφυρα.",
    "th": "สภาเมืองลงมติเมื่อวันจันทร์ให้ซ่อมสะพานแม่น้ำเก่าก่อนฤดูหนาว",
    "ar": "قرر مجلس المدينة يوم الاثنين إصلاح جسر النهر القديم قبل حلول فصل الشتاء.",
    "vi": "Hội đồng thành phố đã quyết định vào thứ Hai sẽ sửa chữa cây cầu cũ trước mùa đông.",
}  # fmt: skip


def test_what_is_found_is_the_language_and_not_its_dialect() -> None:
    assert (
        detect_language("في عام 1923 افتتح الميناء. في عام 1929 دمرت عاصفة الميناء. في عام 1935 كبر الميناء.") == "ar"
    )
    assert SAME.keys().isdisjoint(SAME.values())


@pytest.mark.parametrize("code", SENTENCES)
def test_one_sentence_tells_its_language(code: str) -> None:
    assert detect_language(SENTENCES[code]) == code


@pytest.mark.parametrize(("text", "code"), [("안녕", "ko"), ("はい", "ja"), ("ครับ", "th"), ("ναι", "el")])
def test_a_script_of_one_language_decides_by_a_single_word(text: str, code: str) -> None:
    assert detect_language(text) == code


def test_english_terms_do_not_make_a_korean_text_english() -> None:
    text = "이번 release에서는 Python API의 timeout 설정과 retry 정책을 바꾸고 OpenAI client를 새로 썼다."
    assert detect_language(text) == "ko"


def test_a_korean_name_does_not_make_an_english_text_korean() -> None:
    assert detect_language(SENTENCES["en"] + " The mayor, 김민수, agreed. " + SENTENCES["en"]) == "en"


@pytest.mark.parametrize("text", ["", " \n", "12,345 67% — …", "🙂🙂🙂", "\ud800"])
def test_a_text_without_letters_is_read_like_english(text: str) -> None:
    assert detect_language(text) == "en"


def test_english_is_told_by_its_own_words_and_nothing_else_is() -> None:
    quoted = 'Le titre est "The house and the garden that were lost". ' + SENTENCES["fr"] * 5
    assert detect_language(SENTENCES["en"] * 20) == "en"
    assert detect_language(quoted) == "fr"
    for code in ("de", "es", "vi"):
        assert detect_language(" ".join([SENTENCES[code]] * 20)) == code


def test_a_long_text_is_judged_by_its_middle_too() -> None:
    licence = SENTENCES["en"] * 10
    body = SENTENCES["de"] * (20 * SAMPLE_CHARACTERS // len(SENTENCES["de"]))
    assert len(licence) < SAMPLE_CHARACTERS / 2
    assert detect_language(licence + body) == "de"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("constitution-of-korea.txt", "ko"),
        ("orphans-of-the-void.txt", "en"),
        ("photobook-dialogue-dataset.md", "en"),
    ],
)
def test_the_samples_tell_their_languages(name: str, code: str) -> None:
    assert detect_language((Path(ROOT) / "samples" / name).read_text(encoding="utf-8")) == code


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("en", "English (en)"),
        ("ko", "Korean (ko)"),
        ("pt-BR", "Portuguese (pt-BR)"),
        ("ZH-hant", "Chinese (ZH-hant)"),
        ("tlh", "tlh"),
    ],
)
def test_a_language_is_named_in_english_with_its_tag(tag: str, name: str) -> None:
    assert language_name(tag) == name
