"""What stands around the prose of a document never gets into its summary, in four languages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.models.extractive import BatchIndex
from graphs.models.kinds import PROSE, SHORT, Sentences, Signs, kinds
from graphs.text.characters import narrow_codes_of
from graphs.text.words import count_words
from tests.graphs.readings import read

ENGLISH = """Home | News | Local | Sign in

# Council rebuilds the library by the river

The council of Ansan voted on Monday to rebuild the old city library on a plot of land by the river.
The new house will have four floors and twice the room of the old one, which was built in 1972.
A survey three years ago had found that the old library would not withstand an earthquake.
Repairing the old house would have cost seven tenths of the price of a new one, the council said.

Table 2. What the library costs

| Year | Cost |
|------|------|
| 2026 | 12.5 million |
| 2027 | 32.5 million |

Members who voted against it said that the land by the river had been flooded twice in thirty years.
The city answered that the ground floor will be a car park, and that all books will stand above it.

Related articles
- The town hall costs half as much again
- A path along the river is open

References

[1] Kim, J. and Lee, A. Libraries by rivers. Journal of Town Planning 12(3), pp. 1-19, 2019.
© 2026 The Ansan News. All rights reserved.
"""

KOREAN = """홈 > 뉴스 > 지역

강변에 새 도서관…2028년 봄 문 연다

안산시의회는 8일 낡은 시립 도서관을 강변 시유지에 다시 짓는 계획을 찬성 다수로 의결했다.
새 도서관은 지상 4층으로 연면적은 지금의 두 배인 6천 제곱미터이다.
새로 짓는 안산시립도서관의 강변 쪽 모습을 그린 상상도.
지금의 도서관은 1972년에 지어졌으며 3년 전 진단에서 내진 기준에 못 미치는 것으로 나타났다.

| 연도 | 비용 |
| 2026 | 125억 |

시는 고쳐 쓰는 방안도 검토했지만 비용이 새로 짓는 값의 7할에 이르러 신축을 골랐다고 밝혔다.
강변 땅은 두 번이나 물에 잠긴 적이 있어 반대한 의원들은 안전 검토가 모자란다고 지적했다.

[관련 기사]
- 시민회관 보수비 당초보다 절반 늘어
참고문헌
[1] 김철수. 강변 도서관의 입지. 도시계획학회지 12(3), 2019.
저작권자 © 안산신문 무단 전재 및 재배포 금지
"""

JAPANESE = """ホーム > ニュース > 地域

市立図書館、川沿いの市有地に新館を建設へ

安山市議会は8日、老朽化した市立図書館を川沿いの市有地に建て替える計画を可決した。
新館は地上四階建てで、延べ床面積は現在の約二倍の六千平方メートルとなる。
現在の図書館は一九七二年に建てられ、耐震診断で基準を満たしていないことが三年前に分かった。

| 年 | 費用 |
| 2026 | 十二億円 |

市は改修も検討したが、費用が建て替えの七割に達することから新築を選んだ。
反対した議員からは「災害時の安全性が十分に検討されていない」との声が上がった。

■関連記事
・市民会館の改修費、当初見込みの一・五倍に膨らむ見通し
・川沿いの遊歩道が全面開通
参考文献
[1] 山田太郎. 川沿いの図書館. 都市計画論文集, Vol. 61, 2020.
Copyright © 安山新聞社 無断転載を禁じます。
"""

CHINESE = """首页 > 新闻 > 本地

安山市将在河边新建市立图书馆

安山市议会八日表决通过了在河岸重建市立图书馆的计划。
新馆共四层，建筑面积约六千平方米，是现有图书馆的两倍。
现有的图书馆建于一九七二年，三年前的检测显示其抗震性能不达标。

| 年份 | 费用 |
| 2026 | 一亿两千万 |

市政府曾考虑加固改造，但费用将达到新建费用的七成，因此决定重建。
投反对票的议员认为灾害时的安全问题没有得到充分论证。

责任编辑：王小明
版权所有 未经许可不得转载
相关阅读：市民会馆改造费用超出预算
参考文献
[1] 王伟, 李娜. 河边的图书馆. 城市规划学刊, 2020, 43(5): 1-12.
"""

CAPTIONS = [
    "서울대 공대 기계항공공학부 최만수 교수 연구팀의 새로운 태양전지 상상도.",
    "◇68년 만의 슈퍼문…서울에선 저녁 다섯 시 이십구 분부터 볼 수 있을 듯.",
]


def kinds_of(lines: list[str]) -> list[int]:
    text = "\n".join(lines)
    starts = np.array([text.index(line) for line in lines])
    ends = starts + [len(line) for line in lines]
    reading = read(lines)
    alone, least = np.zeros(len(lines), np.int64), np.full(len(lines), 4)
    found: list[int] = kinds(Sentences(text, starts, ends, alone, reading.words, least, reading.suspects)).tolist()
    return found


@pytest.mark.parametrize("text", [ENGLISH, KOREAN, JAPANESE, CHINESE])
@pytest.mark.parametrize("words", [20, 40, 400])
def test_a_summary_of_any_length_is_prose_alone(text: str, words: int) -> None:
    index = BatchIndex.build([("a", text)])
    chosen = [
        text[start:end] for _, start, end in map(index.sentence, index.select(index.within("a", 0, len(text)), words))
    ]
    assert chosen
    for sentence in chosen:
        assert sentence.endswith((".", "。")), sentence
        assert not any(sign in sentence for sign in ("|", "#", "[", "©", "상상도", " > "))
    used = sum(map(count_words, chosen))
    assert used <= 1.15 * words
    assert used >= 0.85 * words or words != 40  # 20 are less than two sentences, 400 more than all


@given(st.text("....= >|()\t©a ", max_size=12))
def test_a_sign_of_code_or_tables_is_found_wherever_it_stands(text: str) -> None:
    found = Signs(narrow_codes_of(text))
    for sign in ("....", ". . . .", "=>", " > ", "()", "\t", "©"):
        assert found.places_of(sign).tolist() == [place for place in range(len(text)) if text.startswith(sign, place)]


def test_a_korean_caption_or_headline_with_a_full_stop_is_no_prose_among_whole_sentences() -> None:
    whole = [line for line in KOREAN.splitlines() if line.endswith("다.")]
    assert kinds_of([*whole, *CAPTIONS]) == [*[PROSE] * len(whole), SHORT, SHORT]


def test_a_japanese_or_chinese_line_without_a_full_stop_is_no_prose_among_whole_sentences() -> None:
    for text, heading in ((JAPANESE, "市立図書館、川沿いの市有地に"), (CHINESE, "安山市将在河边新建市立图书馆")):
        whole = [line for line in text.splitlines() if line.endswith("。") and "©" not in line]
        headings = [line for line in text.splitlines() if line.startswith(heading)]
        *others, last = kinds_of([*whole, *headings])
        assert others == [PROSE] * len(whole)
        assert last != PROSE


def test_notes_whose_lines_all_end_so_are_prose() -> None:
    assert kinds_of([line.rstrip(".") for line in CAPTIONS]) == [PROSE, PROSE]
    assert kinds_of(["市立図書館の建て替え計画を議会が可決", "来年四月に着工、二〇二八年春の開館を目指す"]) == [
        PROSE,
        PROSE,
    ]


def test_speakers_before_wide_colons_make_a_conversation() -> None:
    turns = [
        f"{speaker}：学校食堂的承包合同六月底到期，第{number}家公司报名了。"
        for number in range(150)
        for speaker in ("主席", "王老师")
    ]
    assert BatchIndex.build([("meeting", "\n".join(turns))]).degraded == {"meeting": "long_conversation"}
