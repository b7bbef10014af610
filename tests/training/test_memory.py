"""Keeping freed memory is done on glibc and harmless elsewhere."""

import platform

from unlearnable.training.memory import keep_memory


def test_keeps_memory_where_the_c_library_can() -> None:
    assert keep_memory() is (platform.libc_ver()[0] == "glibc")
