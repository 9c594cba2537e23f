"""K-means on whitened patches, made invariant in closed form: features without a gradient, in seconds on a CPU.

Every patch of an image is normalized, whitened and compared with k centroids. The activation of a centroid is the mean
distance of the patch to all centroids minus the distance to this centroid, if positive. Activations are averaged over a
grid of regions (Coates, Ng & Lee, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011).

The differences between regions get a weight that is estimated from the pool's images (``regions.py``). Then the
directions in which views of the same image differ are scaled down (``invariance.py``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float

from activessl.encoders.compute.device import encoding_device
from activessl.encoders.compute.side_by_side import computed, parts
from activessl.encoders.images.augment import SLIGHT, Augmentation
from activessl.encoders.images.pixels import principal_components
from activessl.encoders.images.regions import layout_weight, means_by_region, weigh_layout
from activessl.encoders.images.tensors import ImageInput, Pictures, choose_input, sample_tensor
from activessl.encoders.invariance import within_whitening
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.store import Place, find_fit, fit_key, read_encoder, save_encoder
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, roughly, say, tell

#: Added to a patch's variance before the division: 10 / 255², so that flat patches stay flat (the paper's value).
CONTRAST = 10.0 / 255**2

#: Items from which centroids and components are learned, and the number of these items with views.
_SAMPLE, _VIEWED = 2_000, 1_500

#: Values of patches or activations that a GPU processes at once: 256 MB, in a few copies.
_ON_GPU = 64 * 2**20


class Codes(NamedTuple):
    """The centroids, the whitening, and the settings for cutting patches."""

    field: int
    stride: int
    grid: int
    mean: torch.Tensor  # (p,) of normalized patches
    whiten: torch.Tensor  # (p, p)
    centroids: torch.Tensor  # (k, p) in whitened space

    def to(self, device: torch.device) -> Codes:
        """The same codes on a device."""
        mean, whiten, centroids = (tensor.to(device) for tensor in (self.mean, self.whiten, self.centroids))
        return self._replace(mean=mean, whiten=whiten, centroids=centroids)


@dataclass(frozen=True, eq=False)
class PatchEncoder:
    """Mean activations of k-means centroids over a grid of regions, projected by PCA and whitened within images."""

    fingerprint: str
    provenance: dict[str, Any]
    image: Pictures
    codes: Codes
    pca_mean: torch.Tensor  # (grid² k,)
    pca: torch.Tensor  # (grid² k, d), with the layout weight and the whitening
    name: str = "patches"

    @property
    def dim(self) -> int:
        """How many components are kept."""
        return self.pca.shape[1]

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the vectors of the pool's items."""
        for vectors in self.project(self.image.batches(pool, batch_size)):
            yield vectors.numpy()

    def project(self, pictures: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Batches (b, c, s, s) of uint8 -> (b, d), computed on the GPU if there is one."""
        device = encoding_device()
        codes, pca_mean, pca = self.codes.to(device), self.pca_mean.to(device), self.pca.to(device)

        def vectors(images: torch.Tensor) -> torch.Tensor:
            return (activations(images, codes) - pca_mean) @ pca

        return computed(pictures, vectors, at_once(codes, self.image.side), device)


def at_once(codes: Codes, side: int) -> int:
    """The number of pictures of a given side that a thread, or a GPU, processes at once."""
    k = len(codes.centroids)
    if codes.centroids.device.type == "cpu":
        # measured with 400 to 3,200 centroids: fewer pictures are too little work per operation, more exceed the cache
        return max(1, min(8 if k <= 400 else 4, 25_600 // k))
    return max(1, _ON_GPU // (max(codes.centroids.shape) * places(side, codes.field, codes.stride)))


def normalised_patches(images: torch.Tensor, field: int, stride: int) -> torch.Tensor:
    """All patches of images in [0, 1], each with mean 0 and about unit variance: (b, positions, c field²)."""
    patches = F.unfold(images, field, stride=stride).transpose(1, 2)  # (b, positions, c field²)
    patches = patches - patches.mean(-1, keepdim=True)
    return patches / (patches.square().mean(-1, keepdim=True) + CONTRAST).sqrt()


def zca(patches: torch.Tensor, epsilon: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the mean (p,) and the whitening matrix (p, p) of patches (n, p).

    Args:
        patches: Normalized patches.
        epsilon: Added to each eigenvalue, so that directions of noise are not amplified.
    """
    mean = patches.mean(0)
    centred = (patches - mean).double()
    values, directions = torch.linalg.eigh(centred.T @ centred / len(patches))
    matrix = directions @ torch.diag((values.clamp_min(0) + epsilon).rsqrt()) @ directions.T
    return mean, matrix.float()


def activations(images: torch.Tensor, codes: Codes) -> torch.Tensor:
    """The triangle activation max(0, average distance - distance) of each centroid, averaged over a grid of regions.

    The square root of the averages is returned, because the averages are long-tailed, like counts of words.

    Returns:
        (b, grid² k), >= 0.
    """
    return region_means(images.float() / 255, codes).sqrt()


def region_means(images: torch.Tensor, codes: Codes) -> torch.Tensor:
    """The averages before the root in ``activations``, of images in [0, 1]; their gradient exists also at 0."""
    patches = normalised_patches(images, codes.field, codes.stride)  # (b, positions, p)
    b, positions, p = patches.shape
    white = (patches.reshape(-1, p) - codes.mean) @ codes.whiten  # (b positions, p)
    distance = torch.cdist(white, codes.centroids, compute_mode="use_mm_for_euclid_dist")  # (b positions, k)
    usual = distance.mean(1, keepdim=True)
    # in place if no gradient is needed: new arrays of this size cost a fifth of the time
    active = F.relu(usual - distance) if distance.requires_grad else distance.neg_().add_(usual).relu_()

    rows = round(positions**0.5)
    maps = active.view(b, rows, rows, -1).permute(0, 3, 1, 2)  # (b, k, rows, rows)
    return means_by_region(maps, min(codes.grid, rows)).flatten(1)


def pooled_activations(images: torch.Tensor, codes: Codes) -> torch.Tensor:
    """``activations`` of any number of images, computed in parts on the device of the codes; returned on the CPU."""
    each = places(images.shape[-1], codes.field, codes.stride)
    # allocated first: small results between large temporary arrays would fragment the memory
    out = torch.empty(len(images), min(codes.grid, round(each**0.5)) ** 2 * len(codes.centroids))
    size = at_once(codes, images.shape[-1])
    found = computed(parts(images, 16 * size), lambda part: activations(part, codes), size, codes.mean.device)
    for start, part in zip(range(0, len(images), 16 * size), found, strict=True):
        out[start : start + len(part)] = part
    return out


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 1.0,
    on_progress: OnProgress | None = None,
    centroids: int | None = None,
    field: int | None = None,
    grid: int = 4,
    dim: int | None = None,
    views: int = 3,
    layout: float | None = None,
    side: int | None = None,
) -> PatchEncoder:
    """Learn centroids from a pool of images.

    Args:
        pool: Images.
        folder: Where encoders are kept.
        seed: Seed of the samples and of k-means.
        minutes: Upper limit, approximately, for fitting and embedding the pool on one core. More minutes allow more
            centroids and components; the minimum is 400 centroids and 256 components.
        on_progress: Called with stage "train".
        centroids: Largest number of centroids k; reduced if there are too few patches. By default set by ``minutes``.
        field: Side of a patch in pixels; by default 8, or less for small images.
        grid: Regions along each side.
        dim: Number of principal components. By default set by ``minutes``.
        views: Augmented views per image for the whitening within images; 0 turns the whitening off.
        layout: Weight of the position in an image, from 0 (no effect) to 1 (full weight). By default estimated from the
            images.
        side: The side to which images are resized; by default the pool's median, at most 64.
    """
    image = choose_input(pool, side=side, seed=seed)
    size = affordable(minutes, len(pool), image, views)
    settings = Settings(centroids or size.centroids, dim or size.dim, field, grid, views, layout)
    key = fit_key("patches", pool, seed=seed, side=side, **asdict(settings))
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    takes = roughly(seconds(Size(settings.centroids, settings.dim), len(pool), image, views))
    say(
        on_progress,
        "plan",
        f"patches: learning {settings.centroids:,} centroids and encoding {len(pool):,} items, {takes} on a CPU core"
        + (", less on the GPU" if encoding_device().type != "cpu" else ""),
    )
    return load(learn("patches", pool, image, SLIGHT, settings, seed=seed, into=Place(folder, key, on_progress)))


class Size(NamedTuple):
    """The size of an encoder: the numbers of centroids and of components."""

    centroids: int
    dim: int


#: Each size takes about twice as long as the one before; the gains are in docs/results/encoders.md.
SIZES = (Size(400, 256), Size(800, 512), Size(1600, 512), Size(3200, 512))


def affordable(minutes: float, items: int, image: ImageInput, views: int) -> Size:
    """The largest size for which fitting and embedding the items take at most ``minutes``; else the smallest size.

    Up to one minute it is always the smallest size. The time is computed for a core of 2023 and not measured, so that
    the same request finds the same encoder on every machine.

    Example:
        >>> small = ImageInput(side=32, channels=3)
        >>> [affordable(minutes, 8_000, small, 3).centroids for minutes in (1, 2, 5, 20)]
        [400, 800, 1600, 3200]
    """
    if minutes <= 1:
        return SIZES[0]
    fitting = [size for size in SIZES[1:] if seconds(size, items, image, views) <= 60 * minutes]
    return fitting[-1] if fitting else SIZES[0]


def seconds(size: Size, items: int, image: ImageInput, views: int) -> float:
    """The approximate time of fitting and embedding a number of items on a core of 2023, in seconds."""
    field, stride = shape_of(image)
    each = places(image.side, field, stride)
    values = image.channels * field**2
    seen = items + min(items, _SAMPLE) + views * min(items, _VIEWED)

    # measured: whitening and pooling per patch, and its distance to a centroid; then k-means and the components
    encode = seen * each * (5e-7 + 2e-8 * values + size.centroids * (2e-9 + 4e-11 * values))
    return encode + 4.0 + size.centroids * values * 4e-5


def places(side: int, field: int, stride: int) -> int:
    """The number of patches of a picture."""
    return ((side - field) // stride + 1) ** 2


def shape_of(image: Pictures) -> tuple[int, int]:
    """The default side of a patch and step between patches for a picture, in pixels."""
    field = 8 if image.side >= 24 else 6
    return min(field, image.side), 1 if image.side <= 40 else 2


@dataclass(frozen=True)
class Settings:
    """The settings of the encoder.

    Attributes:
        centroids: Largest number of centroids k.
        dim: Number of principal components.
        field: Side of a patch in pixels; None for the default of ``shape_of``.
        grid: Regions along each side.
        views: Augmented views per picture for the whitening within pictures; 0 turns the whitening off.
        layout: Weight of the position in a picture, 0 to 1; None to estimate it from the pictures.
    """

    centroids: int
    dim: int
    field: int | None = None
    grid: int = 4
    views: int = 3
    layout: float | None = None


def learn(
    name: str, pool: Pool, image: Pictures, augment: Augmentation, settings: Settings, *, seed: int, into: Place
) -> Path:
    """Learn from a pool's pictures and save the encoder under a name.

    Args:
        name: The name under which the encoder is registered.
        pool: The items.
        image: How items become pictures.
        augment: Random changes of views.
        settings: Settings of the encoder.
        seed: Seed of the samples and of k-means.
        into: Where the encoder is saved, and who is told of the stage "train".

    Returns:
        The folder of the encoder.
    """
    import faiss

    started = time.perf_counter()
    usual, stride = shape_of(image)
    width = min(settings.field or usual, image.side)
    centroids, views, on_progress = settings.centroids, settings.views, into.on_progress
    sample = sample_tensor(pool, image, limit=_SAMPLE, seed=seed)
    tell(on_progress, "train", 0, 4)

    # about 50 patches per image; faiss warns below 39 points per centroid
    each = max(50, math.ceil(39 * centroids / _SAMPLE))
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for part in parts(sample, 100):
        patches = normalised_patches(part.float() / 255, width, 1).flatten(0, 1)
        drawn.append(patches[torch.randint(len(patches), (each * len(part),), generator=generator)])
    chosen = torch.cat(drawn)
    mean, whiten = zca(chosen, 0.1)
    white = ((chosen - mean) @ whiten).numpy()
    tell(on_progress, "train", 1, 4)

    k = max(1, min(centroids, len(white) // 39))
    clustering = faiss.Kmeans(white.shape[1], k, niter=20, seed=seed + 1, max_points_per_centroid=256)
    clustering.train(white)
    centres = torch.from_numpy(np.asarray(clustering.centroids, dtype=np.float32))
    tell(on_progress, "train", 2, 4)

    device = encoding_device()
    codes = Codes(width, stride, settings.grid, mean, whiten, centres).to(device)
    seen = pooled_activations(sample, codes)
    regions = seen.shape[1] // k
    weight = layout_weight(seen, regions) if settings.layout is None else settings.layout
    pca_mean = seen.mean(0)
    if weight < 1:
        for rows in parts(seen, 256):  # in place: a copy would double the memory
            rows.copy_(weigh_layout(rows, regions, weight))
    _, pca = principal_components(seen, settings.dim)
    pca = weigh_layout(pca.T, regions, weight).T.contiguous()
    tell(on_progress, "train", 3, 4)

    if views > 1:
        generator = torch.Generator().manual_seed(seed)
        few = sample[:_VIEWED]
        size = max(1, min(32, 12_800 // k))  # the same on every machine: random views depend on it
        varied = torch.empty(views, len(few), pca.shape[1])
        middle, directions = pca_mean.to(device), pca.to(device)
        for start in range(0, len(few), size):
            part = few[start : start + size].to(device).float() / 255
            for view in varied:
                changed = augment(part, generator).clamp(0, 1) * 255
                view[start : start + size] = ((activations(changed, codes) - middle) @ directions).cpu()
        pca = pca @ within_whitening(varied)
    tell(on_progress, "train", 4, 4)

    config = {"image": image.to_json(), "field": width, "stride": stride, "grid": settings.grid}
    tensors = {"mean": mean, "whiten": whiten, "centroids": centres, "pca_mean": pca_mean, "pca": pca}
    provenance = {
        "objective": "k-means on whitened patches, whitened within items",
        "source": "Coates, Ng & Lee 2011",
        "items": len(sample),
        "layout": round(weight, 3),
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 2),
    }
    arrays = {part: tensor.numpy() for part, tensor in tensors.items()}
    return save_encoder(into.folder, name, config, arrays, provenance, key=into.key)


def load(folder: Path, pictures: Callable[..., Pictures] = ImageInput) -> PatchEncoder:
    """Read the encoder back from its folder; ``pictures`` is called with the values of its ``to_json``."""
    note, arrays = read_encoder(folder)
    config = note["config"]
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return PatchEncoder(
        note["fingerprint"],
        note["provenance"],
        pictures(**config["image"]),
        Codes(
            config["field"],
            config["stride"],
            config["grid"],
            tensors["mean"],
            tensors["whiten"],
            tensors["centroids"],
        ),
        tensors["pca_mean"],
        tensors["pca"],
        name=note["encoder"],
    )


ENTRY = EncoderEntry(
    fit=fit,
    load=load,
    modalities=("image",),
    summary="k-means on patches (Coates & Ng), made invariant in closed form: no gradients, takes seconds",
)
