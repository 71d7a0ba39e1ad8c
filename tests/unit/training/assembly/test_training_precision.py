import pytest

from keras_attention.training.assembly import precision
from keras_attention.training.assembly.precision import LEAST_UNITS, choose_precision
from keras_attention.training.recipe.training_config import PRECISIONS, TrainingConfig

AUTO = TrainingConfig(precision="auto")
CPU = "processor\t: 0\n{name}\t\t: fpu sse2 {flags}\nbugs\t\t: none\nflags\t\t: other\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return `machine(cpuinfo, gpus)`, which pretends that the machine has this CPU and GPUs."""

    def machine(cpuinfo=None, gpus=()):
        path = tmp_path / "cpuinfo"
        if cpuinfo is not None:
            path.write_text(cpuinfo)
        read = precision._processor_flags
        monkeypatch.setattr(precision, "_processor_flags", lambda: read(path))
        monkeypatch.setattr(precision, "_capabilities", lambda: list(gpus))

    return machine


@pytest.mark.parametrize("name", [name for name in PRECISIONS if name != "auto"])
def test_a_named_precision_does_not_depend_on_the_machine(name, machine):
    machine(CPU.format(name="flags", flags="avx512_bf16"), [(9, 0)])
    assert choose_precision(TrainingConfig(precision=name), 1).name == name


@pytest.mark.parametrize(
    ("cpuinfo", "gpus", "expected"),
    [
        (CPU.format(name="flags", flags="avx512_bf16"), (), "bfloat16"),
        (CPU.format(name="flags", flags="amx_bf16 amx_tile"), (), "bfloat16"),
        (CPU.format(name="Features", flags="asimd bf16"), (), "bfloat16"),
        (CPU.format(name="flags", flags="avx512f"), (), "float32"),
        (None, (), "float32"),  # macOS and Windows have no /proc/cpuinfo
        ("", (), "float32"),
        (None, ((8, 0),), "bfloat16"),
        (None, ((9, 0), (8, 6)), "bfloat16"),
        (CPU.format(name="flags", flags="avx512_bf16"), ((7, 5),), "float32"),
        (None, ((9, 0), (7, 0)), "float32"),
        (None, (None,), "float32"),
    ],
)
def test_auto_is_bfloat16_where_it_is_native(machine, cpuinfo, gpus, expected):
    machine(cpuinfo, gpus)
    found = choose_precision(AUTO, LEAST_UNITS)
    assert found.name == expected
    assert "training.precision=auto" in found.reason


def test_auto_is_float32_for_narrow_models(machine):
    machine(CPU.format(name="flags", flags="avx512_bf16"))
    found = choose_precision(AUTO, LEAST_UNITS - 1)
    assert (found.name, found.policy) == ("float32", "float32")
    assert f"fewer than {LEAST_UNITS} units" in found.reason


def test_auto_chooses_a_precision_on_this_machine():
    assert choose_precision(AUTO, LEAST_UNITS).name in PRECISIONS
