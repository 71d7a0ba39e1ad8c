from keras_attention.training.data.languages import each_language, given_features
from keras_attention.training.recipe.data_config import DataConfig


def section(**settings):
    return DataConfig(format="tsv", **settings)


def test_sections_are_read_once_for_each_combination_of_languages():
    config = section(
        path="{language}-{target_language}", language="fre, kor", target_language="en,de"
    )
    codes = [(each.language, each.target_language) for each in each_language(config)]
    assert codes == [("fre", "en"), ("fre", "de"), ("kor", "en"), ("kor", "de")]
    assert list(each_language(section(path="a.tsv"))) == [section(path="a.tsv")]


def test_the_language_of_a_file_is_the_value_of_the_feature_language():
    config = section(path="{language}.tsv", language="fre", source_features="domain, language")
    assert given_features(config) == {"language": "fre"}
    assert given_features(section(path="a.tsv", source_features="language")) == {}
