"""The built-in text encoder in scripts without spaces, in languages that inflect, and on strange texts."""

from __future__ import annotations

import itertools
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.encoders.text.terms import fold, script_of, vectorizer
from activessl.geometry.units import centred_rows
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool

OLD = Path(__file__).parents[2] / "data" / "encoders" / "1813e6dfdd052b0a"


def pool_of(path: Path, texts: list[str]) -> Pool:
    pq.write_table(pa.table({"text": texts}), path)
    return load_pool(path)


def encode(encoder: Any, pool: Pool) -> np.ndarray:
    return np.concatenate(list(encoder.batches(pool, 50)))


NOUNS = ("house", "river", "garden", "window", "letter", "winter", "bridge", "morning")

#: Beginnings, nouns of four topics, ends.
Language = tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[str, ...]]

JAPANESE: Language = (
    ("昨日は", "私たちが", "この町で", "来週から", "多くの人が", "友人と"),
    (("試合", "選手", "監督"), ("料理", "野菜", "台所"), ("電車", "駅前", "切符"), ("病院", "医者", "薬局")),
    (
        "について話しました",
        "のことを考えている",
        "が気になっていた",
        "を見に行くつもりです",
        "はとても大切だと思う",
        "をよく知らない",
    ),
)
CHINESE: Language = (
    ("昨天我们", "很多人都", "他一直想", "下个星期", "朋友告诉我", "这座城市里"),
    (("比赛", "球员", "教练"), ("蔬菜", "厨房", "晚餐"), ("火车", "车站", "车票"), ("医院", "医生", "药店")),
    ("让大家很高兴", "需要更多时间", "的情况不太清楚", "比以前好多了", "还没有人说起", "已经改变了"),
)
THAI: Language = (
    ("เมื่อวานนี้", "พวกเราเห็น", "หลายคนพูดถึง", "สัปดาห์หน้า", "เพื่อนของฉันชอบ", "ในเมืองนี้"),
    (
        ("ฟุตบอล", "นักกีฬา", "สนามแข่ง"),
        ("อาหาร", "ผักสด", "ห้องครัว"),
        ("รถไฟ", "สถานี", "ตั๋วโดยสาร"),
        ("โรงพยาบาล", "แพทย์", "ร้านยา"),
    ),
    ("เป็นเรื่องสำคัญ", "ทำให้มีความสุข", "เปลี่ยนไปมาก", "ยังไม่มีใครรู้", "ดีกว่าแต่ก่อน", "ต้องใช้เวลา"),
)
KOREAN: Language = (
    ("어제 우리는", "많은 사람이", "다음 주에", "친구와 함께", "이 도시에서", "그는 늘"),
    (("경기장", "선수단", "감독님"), ("요리법", "야채값", "부엌칼"), ("기차역", "차표값", "열차길"),
     ("병원비", "의사들", "약국앞")),
    ("에서도 이야기했다", "에게는 중요하다", "만을 생각한다", "까지도 바꾸었다", "보다는 나았다", "처럼 보였다"),
)  # fmt: skip


# compounds: the noun is in a longer word, which no other text has
GERMAN: Language = (
    ("Haupt", "Neben", "Sonder", "Zwischen", "Jahres", "Probe"),
    (
        ("spiel", "mannschaft", "tor"),
        ("gericht", "gemüse", "küchen"),
        ("bahn", "zug", "fahr"),
        ("arzt", "klinik", "kranken"),
    ),
    ("ordnung", "leitung", "vergleich", "kosten", "bericht", "aufnahme"),
)


def sentences(language: Language) -> tuple[list[str], np.ndarray]:
    """Each noun in 16 of the 36 frames of a beginning and an end, drawn at random; and the topics."""
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


def accuracy(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy after eight random labels of each topic, over five draws."""
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
    [(JAPANESE, 0.6), (CHINESE, 0.62), (THAI, 0.68), (KOREAN, 0.45), (GERMAN, 0.8)],
    ids=["japanese", "chinese", "thai", "korean", "german"],
)
def test_topics_are_learned_from_few_labels_where_no_space_cuts_the_words_out(
    tmp_path: Path, language: Language, enough: float
) -> None:
    texts, labels = sentences(language)
    pool = pool_of(tmp_path / "t.parquet", texts)
    assert accuracy(encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool), labels) >= enough


def test_the_pool_tells_its_script() -> None:
    japanese, thai, korean = (script_of(sentences(language)[0]) for language in (JAPANESE, THAI, KOREAN))
    english = script_of([f"the {noun} of the {other}" for noun in NOUNS for other in NOUNS])
    assert japanese.repeated < 0.1 and thai.repeated < 0.1 < 0.4 < korean.repeated and english.repeated > 0.9
    assert english.bits < 5 < japanese.bits and korean.bits > 5
    assert english.weights()["words"] == english.weights()["letters"] == 1 > english.weights()["characters"]
    assert japanese.weights()["characters"] > 0.9 > 0.3 > japanese.weights()["words"]


def test_a_pool_in_two_scripts_stands_between_them_and_tells_topics_in_both(tmp_path: Path) -> None:
    japanese, topics = sentences(JAPANESE)
    english = [f"we saw the {NOUNS[row % 8]} and the {NOUNS[row // 8 % 8]}" for row in range(len(japanese))]
    mixed = script_of(japanese + english)
    assert script_of(japanese).repeated < mixed.repeated < script_of(english).repeated
    pool = pool_of(tmp_path / "t.parquet", japanese + english)
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool)
    assert accuracy(vectors[: len(japanese)], topics) > 0.5
    rows = centred_rows(vectors)
    assert (rows[:100] @ rows[100:192].T).mean() > (rows[:100] @ rows[192:].T).mean()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("ＴＯＫＹＯ　２０２５", "tokyo 2025"),
        ("ｶﾞﾗｽ", "ガラス"),
        (unicodedata.normalize("NFD", "Café déjà"), "café déjà"),
        ("STRASSE", "straße"),
        ("한국", unicodedata.normalize("NFD", "한국")),
        ("two\n\t words ", "two words"),
    ],
    ids=["full width", "half width", "combining marks", "case", "jamo", "spaces"],
)
def test_what_reads_alike_gets_the_same_vector(tmp_path: Path, left: str, right: str) -> None:
    assert fold(left) == fold(right)
    pool = pool_of(tmp_path / "t.parquet", [left, right, "another text", f"{right} and another", "東京の駅"])
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool)
    assert np.array_equal(vectors[0], vectors[1])
    assert vectors[0].any()


def test_vowel_signs_stay_in_their_word_and_other_words_end_at_signs() -> None:
    words = vectorizer("words").build_analyzer()
    assert words(fold("नमस्ते दुनिया")) == ["नमस्ते", "दुनिया", "नमस्ते दुनिया"]
    assert words(fold("ที่นี่")) == ["ที่นี่"]
    assert words(fold("a-b, c_d")) == ["a", "b", "c_d", "a b", "b c_d"]


@pytest.mark.parametrize(
    "texts",
    [
        ["😀😀", "😀", "🎉🎉", "🎉 😀"],
        ["?!", "?", "!!", "…"],
        ["日本語" * 9_000, "短い", "文", "ﷺ" * 20_000],
        ["", "   ", "text", "another text"],
        ["👩‍👩‍👧", "e\u0301\u0301\u0301", "\u200b\u200b", "x\u0000y"],
    ],
    ids=["emojis", "signs", "long", "empty", "joined"],
)
def test_strange_texts_give_finite_vectors_and_not_all_zero(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(tmp_path / "t.parquet", [f"{row}" for row in range(len(texts))])
    monkeypatch.setattr(Pool, "read", lambda self, row: texts[row])
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool)
    assert np.isfinite(vectors).all() and vectors.any()
    assert not vectors[[not text.strip() for text in texts]].any()


def test_texts_that_share_only_a_space_are_told_apart(tmp_path: Path) -> None:
    pool = pool_of(tmp_path / "t.parquet", ["ab cd", "ef gh", "ij kl"])
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool)
    assert len(np.unique(vectors.round(4), axis=0)) == 3


def test_an_encoder_of_an_earlier_version_gives_its_old_vectors_and_is_not_taken_for_todays(tmp_path: Path) -> None:
    # written by the version before characters were counted, as are the vectors below
    shutil.copytree(OLD, tmp_path / "e" / OLD.name)
    other = pool_of(tmp_path / "o.parquet", ["Ｔhe goal of the match", "a comet, the comet", "shares"])
    vectors = encode(load_encoder(tmp_path / "e" / OLD.name), other)
    assert vectors == pytest.approx(np.array([[0.89232, -0.07592], [1.08222, -0.22474], [0, 0]]), abs=1e-5)
    topics = ("the match ended with a late goal", "shares fell on the exchange", "a new telescope saw the comet")
    pool = pool_of(tmp_path / "t.parquet", [f"{topics[row % 3]} {row}" for row in range(12)])
    fitted = fit_encoder("tfidf", pool, folder=tmp_path / "e", dim=2, terms=12)
    assert fitted.fingerprint != OLD.name
    again = load_encoder(tmp_path / "e" / fitted.fingerprint)
    assert np.array_equal(encode(again, other), encode(fitted, other))
    assert np.array_equal(
        encode(again, other), encode(fit_encoder("tfidf", pool, folder=tmp_path / "n", dim=2, terms=12), other)
    )
