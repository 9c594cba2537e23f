"""What a reader would not expect of how the files of a pool were read: said once for all files of a kind."""

from __future__ import annotations

from collections import Counter

from activessl.pool.axes import other_step
from activessl.pool.decoders.levels import full_scale, levels_of
from activessl.pool.pool import Pool

#: Different remarks that are listed; a folder with more kinds of them has another problem.
_MOST = 8


def remarks(pool: Pool) -> list[str]:
    """Sum up how the items of a pool were read, in one line for each kind of remark.

    Example:
        >>> from activessl.pool.pool import Item
        >>> items = (Item("a", "", (1, 1, 1), remarks=("first of 3 frames",)), Item("b", "", (1, 1, 1), peak=900))
        >>> remarks(Pool(items, None))
        ['1 item: first of 3 frames (a)', 'images of 2 depths: 1 of 8 bits, 1 of 10 bits; each has its own white level']
    """
    count, first = Counter[str](), dict[str, str]()
    for item in pool.items:
        for remark in item.remarks:
            count[remark] += 1
            first.setdefault(remark, item.id)
    told = [
        f"{n:,} item{'s' * (n > 1)}: {remark} ({'first: ' * (n > 1)}{first[remark]})"
        for remark, n in count.most_common(_MOST)
    ]
    if len(count) > _MOST:
        told.append(f"{len(count) - _MOST:,} more kinds of remarks: `activessl check --json` lists them")
    return told + _depths(pool) + _steps(pool) + _beside(pool) + _group_column(pool)


def _depths(pool: Pool) -> list[str]:
    """One line where images have several depths."""
    peaks = [item.peak for item in pool.items]
    levels = levels_of(peaks)
    if not levels:
        return []
    of = Counter(8 if not peak else _bits(next(level for level in levels if peak <= level)) for peak in peaks)
    if len(of) < 2:
        return []
    each = ", ".join(f"{n:,} of {bits} bits" for bits, n in sorted(of.items()))
    return [f"images of {len(of)} depths: {each}; each has its own white level"]


def _steps(pool: Pool) -> list[str]:
    """Lines where series have several time steps, or some have none."""
    told = []
    others = [item.id for item in pool.items if other_step(item.step, pool.axes)]
    if others:
        told.append(f"{_items(others)} resampled to the time step of the others, {pool.axes.step:.4g} ({others[0]})")
    without = [item.id for item in pool.items if item.step is None]
    if pool.axes.step is not None and without:
        told.append(f"{_items(without)} read as if the time step were that of the others ({without[0]})")
    return told


def _beside(pool: Pool) -> list[str]:
    """One line about files of a folder that are not read."""
    beside: Counter[str] = getattr(pool.source, "beside", None) or Counter()
    if not beside:
        return []
    shown = ", ".join(f"{n:,} {suffix or 'without a suffix'}" for suffix, n in beside.most_common(_MOST))
    more = f" and {len(beside) - _MOST:,} more kinds" if len(beside) > _MOST else ""
    return [f"not read, beside the {pool.form.plural}: {shown}{more}"]


def _group_column(pool: Pool) -> list[str]:
    """One line about a column of groups, which is not what measures."""
    if "group" not in (getattr(pool.source, "columns", None) or ()):
        return []
    return ["the column 'group' groups the items only with data.group_column = \"group\" in activessl.toml"]


def _items(ids: list[str]) -> str:
    return f"{len(ids):,} items are" if len(ids) > 1 else "1 item is"


def _bits(level: float) -> int:
    return int(full_scale(level) + 1).bit_length() - 1
