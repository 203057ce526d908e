"""What stands in the exports file, and what the kernel makes of it: read back, compared, in any order."""

from hypothesis import HealthCheck, assume, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from breakwater.addresses import canonical
from breakwater.exports_file import (
    HEAD,
    Table,
    in_kernel,
    line_of,
    lines_of,
    mountpoints_of,
    table_of,
    text_of,
)
from breakwater.nfs_options import _CHOICES, checked_option, checked_options, complete, meaning
from breakwater.settings import Export

few = budget(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)
securities = st.permutations(["sys", "krb5", "krb5i", "krb5p"])
VALUED = {
    "sec": st.builds(lambda names, many: ":".join(names[:many]), securities, st.integers(1, 4)),
    "anonuid": st.sampled_from(["0", "1000", "65534", "999999999"]),
    "anongid": st.sampled_from(["0", "1000", "65534"]),
    "fsid": st.sampled_from(["7", "2147483647", "6a0c1a52-0b6f-4c53-9f3b-0a2b3c4d5e6f"]),
}
options = (
    st.tuples(
        *(st.sampled_from(["", *choice]) for choice in _CHOICES),
        *(st.just("") | st.builds(f"{name}={{}}".format, values) for name, values in VALUED.items()),
    )
    .map(lambda words: [word for word in words if word])
    .flatmap(st.permutations)
)
mountpoints = st.sampled_from(["", "/srv"])
places = st.ip_addresses().map(str) | st.just("*")
exports = st.builds(
    lambda name, words: Export(path=f"/srv/{name}", options=tuple(words)),
    st.text("abcXYZ019._-", min_size=1).filter(lambda name: set(name) != {"."}),
    options,
)


def shown(words: tuple[str, ...]) -> frozenset[str]:
    """A model of exportfs -s, as nfs-utils 2.8.3 prints what it was given: nearly everything, spelt out."""
    values = dict(word.split("=", 1) for word in words if "=" in word)
    chosen = [next((word for word in choice if word in words), choice[0]) for choice in _CHOICES]
    said = [word for word in chosen if word not in ("subtree_check", "nocrossmnt")]
    said += [
        f"{name}={values[name]}" for name in ("anonuid", "anongid") if values.get(name) not in (None, "65534")
    ]
    said += [f"fsid={values['fsid']}"] if "fsid" in values else []
    said += [f"mountpoint={values['mp']}"] if "mp" in values else []
    return frozenset([*said, f"sec={values.get('sec', 'sys')}"])


def exported(text: str) -> dict[tuple[str, str], frozenset[str]]:
    """The kernel's table after exportfs -ra."""
    table = {}
    for path, line in lines_of(text).items():
        for client, words in (word.rstrip(")").split("(") for word in line.split()[1:]):
            table[path, client] = shown(tuple(words.split(",")))
    return table


@few
@given(words=options)
def test_options_of_the_settings_are_good_and_none_is_lost(words: list[str]) -> None:
    assert [checked_option(word) for word in checked_options(words)] == words
    assert set(words) <= set(complete(words))


@few
@given(export=exports, clients=st.lists(places, min_size=1, max_size=3, unique=True), mountpoint=mountpoints)
def test_what_was_exported_is_as_set_and_read_back(
    export: Export, clients: list[str], mountpoint: str
) -> None:
    line = line_of(export, clients, mountpoint)
    text = text_of([line])
    assert text == f"{HEAD}\n{line}\n"
    assert lines_of(text) == {export.path: line}
    wanted: Table = {(export.path, c): meaning(complete(export.options, mountpoint)) for c in clients}
    assert table_of(text) == wanted
    assert mountpoints_of(text) == {export.path: mountpoint}
    assert in_kernel(exported(text), text, text, ())


@few
@given(words=options, other=options)
def test_another_meaning_in_the_kernel_is_seen(words: list[str], other: list[str]) -> None:
    assume(meaning(complete(words)) != meaning(complete(other)))
    before, now = (
        text_of([line_of(Export(path="/srv", options=o), ["10.0.0.1"], "")]) for o in (words, other)
    )
    assert not in_kernel(exported(before), now, now, ())


@few
@given(words=options)
def test_the_order_of_options_does_not_matter(words: list[str]) -> None:
    assert meaning(complete(words)) == meaning(complete(sorted(words))) == meaning(complete(words[::-1]))


@few
@given(text=st.ip_addresses().map(str) | st.text("0123456789abcdef:./%"), length=st.integers(0, 130))
def test_an_address_in_the_kernels_form_stays_as_it_is(text: str, length: int) -> None:
    for written in (text, f"{text}/{length}", text.upper()):
        plain = canonical(written)
        assert plain is None or canonical(plain) == plain
