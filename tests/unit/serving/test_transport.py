import pytest

from keras_attention.errors import InputError
from keras_attention.serving.transport import Address, ServedModel


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:8500", Address("grpc", False, "localhost", 8500, "")),
        ("grpc://10.0.0.1:1", Address("grpc", False, "10.0.0.1", 1, "")),
        ("grpcs://models.example:443/", Address("grpc", True, "models.example", 443, "")),
        ("[::1]:65535", Address("grpc", False, "[::1]", 65535, "")),
        ("http://localhost:8501", Address("rest", False, "localhost", 8501, "")),
        (
            "https://a.example:443/behind/proxy/",
            Address("rest", True, "a.example", 443, "/behind/proxy"),
        ),
    ],
)
def test_an_address_is_parsed_into_its_parts(text, address):
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:",
        ":8500",
        "localhost:0",
        "localhost:65536",
        "localhost:8500x",
        "host name:8500",
        "ftp://localhost:21",
        "http://localhost",
        "http://user@localhost:8501",
        "http://localhost:8501?a",
        "localhost:8500/path",
        "::1:8500",
        "http://localhost:8501\n",
    ],
)
def test_an_invalid_address_is_rejected(text):
    with pytest.raises(InputError, match="must be host:port") as error:
        Address.parse(text)
    assert repr(text) in str(error.value)


def test_a_model_is_named_with_its_version_or_label():
    assert str(ServedModel("dates")) == "model 'dates'"
    assert str(ServedModel("dates", 2)) == "model 'dates', version 2"
    assert str(ServedModel("dates", label="canary")) == "model 'dates', label 'canary'"
