"""The built-in text encoder in scripts without spaces, in languages that inflect, and on strange texts."""

from __future__ import annotations

import itertools
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from unit.encoders.test_text import encode, pool_of

from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.encoders.text.terms import fold, script_of
from activessl.geometry.units import centred_rows

DATA = Path(__file__).parents[2] / "data" / "encoders"

#: (beginnings, nouns of four topics, ends): sentences whose topic is told by the noun only.
JAPANESE = (
    ("昨日は", "私たちが", "この町で", "来週から", "多くの人が", "友人と"),
    (("試合", "選手", "監督"), ("料理", "野菜", "台所"), ("電車", "駅前", "切符"), ("病院", "医者", "薬局")),
    ("について話しました", "のことを考えている", "が気になっていた", "を見に行くつもりです", "はとても大切だと思う", "をよく知らない"),
)
CHINESE = (
    ("昨天我们", "很多人都", "他一直想", "下个星期", "朋友告诉我", "这座城市里"),
    (("比赛", "球员", "教练"), ("蔬菜", "厨房", "晚餐"), ("火车", "车站", "车票"), ("医院", "医生", "药店")),
    ("让大家很高兴", "需要更多时间", "的情况不太清楚", "比以前好多了", "还没有人说起", "已经改变了"),
)
THAI = (
    ("เมื่อวานนี้", "พวกเราเห็น", "หลายคนพูดถึง", "สัปดาห์หน้า", "เพื่อนของฉันชอบ", "ในเมืองนี้"),
    (("ฟุตบอล", "นักกีฬา", "สนามแข่ง"), ("อาหาร", "ผักสด", "ห้องครัว"), ("รถไฟ", "สถานี", "ตั๋วโดยสาร"), ("โรงพยาบาล", "แพทย์", "ร้านยา")),
    ("เป็นเรื่องสำคัญ", "ทำให้มีความสุข", "เปลี่ยนไปมาก", "ยังไม่มีใครรู้", "ดีกว่าแต่ก่อน", "ต้องใช้เวลา"),
)
KOREAN = (
    ("어제 우리는", "많은 사람이", "다음 주에", "친구와 함께", "이 도시에서", "그는 늘"),
    (("경기장", "선수단", "감독님"), ("요리법", "야채값", "부엌칼"), ("기차역", "차표값", "열차길"), ("병원비", "의사들", "약국앞")),
    ("에서도 이야기했다", "에게는 중요하다", "만을 생각한다", "까지도 바꾸었다", "보다는 나았다", "처럼 보였다"),
)  # fmt: skip


def sentences(language: tuple) -> tuple[list[str], np.ndarray]:
    """Each noun with 24 of the 36 frames, each noun with others; and the topics."""
    begins, topics, ends = language
    frames = list(itertools.product(begins, ends))
    rng = np.random.default_rng(0)
    texts, labels = [], []
    for topic, nouns in enumerate(topics):
        for noun in nouns:
            for frame in rng.permutation(len(frames))[:16]:
                texts.append(frames[frame][0] + noun + frames[frame][1])
                labels.append(topic)
    return texts, np.array(labels)


def few_label_accuracy(vectors: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression

    rows, found = centred_rows(vectors), []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shown = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:8] for c in range(4)])
        others = np.setdiff1d(np.arange(len(labels)), shown)
        head = LogisticRegression(C=10).fit(rows[shown], labels[shown])
        found.append((head.predict(rows[others]) == labels[others]).mean())
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("language", "enough"),
    [(JAPANESE, 0.9), (CHINESE, 0.9), (THAI, 0.9), (KOREAN, 0.9)],
    ids=["japanese", "chinese", "thai", "korean"],
)
def test_topics_of_sentences_without_spaces_are_learned_from_eight_labels_each(
    tmp_path: Path, language: tuple, enough: float
) -> None:
    texts, labels = sentences(language)
    pool = pool_of(tmp_path / "t.parquet", texts)
    assert few_label_accuracy(encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool), labels) >= enough
