"""Settings are checked when they are created; errors and docstrings name the accepted values."""

import inspect
import math
from dataclasses import MISSING, dataclass

import numpy as np
import pytest

from keras_attention.errors import SettingError
from keras_attention.settings.documented import documented
from keras_attention.settings.setting import Setting, Settings, redeclare, setting


@dataclass(frozen=True, kw_only=True)
class Oven(Settings):
    size: int = setting(MISSING, "number of trays", kind=int, minimum=1)
    heat: float = setting(180.0, "degrees Celsius", minimum=0, below=300)
    mode: str = setting("air", "how it heats", choices=("air", "grill"))
    timer: int | None = setting(None, "minutes; open-ended unless it is set", kind=int, unset=0)
    light: bool = setting(False, "switch on the light")

    def check_together(self):
        if self.mode == "grill" and self.heat < 200:
            raise SettingError("heat", f"is too low to grill. Received: heat={self.heat}.")


@dataclass(frozen=True, kw_only=True)
class SmallOven(Oven):
    heat: float = redeclare(Oven, "heat", default=150)


def test_values_are_converted_to_the_type_of_the_field():
    oven = Oven(size=np.int64(2), heat=np.float32(0.5), light=True)
    assert dict(oven.values()) == {
        "size": 2, "heat": 0.5, "mode": "air", "timer": None, "light": True,
    }  # fmt: skip
    assert [type(value) for _, value in oven.values()][:2] == [int, float]
    assert isinstance(Oven(size=1, heat=200).heat, float)


@pytest.mark.parametrize("value", [None, 0, 0.0])
def test_none_or_the_number_for_unset_selects_the_default(value):
    assert Oven(size=1, timer=value).timer is None
    assert Setting("timer", 0, "", unset=0, minimum=1).check(value) == 0


@pytest.mark.parametrize(
    ("values", "field", "problem"),
    [
        ({"size": 0}, "size", "must be an integer of at least 1. Received: size=0."),
        ({"size": True}, "size", "must be an integer of at least 1. Received: size=True."),
        ({"size": 1.0}, "size", "must be an integer of at least 1. Received: size=1.0."),
        ({"size": None}, "size", "must be an integer of at least 1. Received: size=None."),
        ({"size": 2**31}, "size", "an integer of at least 1 and at most 2147483647. Received: "),
        ({"heat": 300}, "heat", "must be a finite number of at least 0 and below 300. Received: "),
        ({"heat": math.nan}, "heat", "must be a finite number"),
        ({"heat": 10**400}, "heat", "must be a finite number"),
        ({"mode": "steam"}, "mode", "must be one of 'air', 'grill'. Received: mode='steam'."),
        ({"timer": "1"}, "timer", "must be an integer, or None (unset). Received: timer='1'."),
        ({"light": 1}, "light", "must be true or false. Received: light=1."),
        ({"mode": "grill"}, "heat", "is too low to grill. Received: heat=180.0."),
    ],
)
def test_an_error_names_the_field(values, field, problem):
    with pytest.raises(SettingError) as caught:
        Oven(**{"size": 1, **values})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"`{field}` ")
    assert problem in str(caught.value)


def test_a_redeclared_field_keeps_its_range_and_its_position():
    assert [known.key for known in SmallOven.settings()] == [known.key for known in Oven.settings()]
    assert SmallOven(size=1).heat == 150
    with pytest.raises(SettingError, match="below 300"):
        SmallOven(size=1, heat=300)


def test_arguments_are_split_into_settings_and_others():
    assert Oven.split({"size": 1, "name": "a"}) == ({"size": 1}, {"name": "a"})


def test_the_docstring_and_signature_of_a_class_list_its_settings():
    @documented(Oven)
    class Kitchen:
        """A kitchen.

        Args:
        {settings}
        """

    lines = [line.strip() for line in Kitchen.__doc__.splitlines()]
    assert "size: number of trays. An integer of at least 1." in lines
    assert "light: switch on the light. True or false. Default False." in lines
    assert list(Kitchen.__signature__.parameters) == ["size", "heat", "mode", "timer", "light"]


def test_the_error_for_an_unknown_argument_suggests_the_nearest_name_or_all_names():
    with pytest.raises(TypeError, match=r"^unknown argument 'mod'; the nearest is 'mode'\.$"):
        SmallOven(size=1, mod="grill")
    with pytest.raises(TypeError, match=r"'speed'; expected one of size, heat, mode, .* door\.$"):
        Oven.check_names(["door", "speed"], "door")


def test_the_signature_lists_the_fields():
    assert list(inspect.signature(Oven).parameters) == ["size", "heat", "mode", "timer", "light"]
