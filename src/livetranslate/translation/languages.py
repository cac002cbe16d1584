"""Language codes: ISO 639-1 everywhere in the platform, other codes inside engines.

One row a language: ISO 639-1 code, the code of the FLORES-200 list that NLLB uses (ISO 639-3 and
script), English name.
"""

from __future__ import annotations

_ROWS = """
af afr_Latn Afrikaans|am amh_Ethi Amharic|ar arb_Arab Arabic|as asm_Beng Assamese
az azj_Latn Azerbaijani|be bel_Cyrl Belarusian|bg bul_Cyrl Bulgarian|bn ben_Beng Bengali
bo bod_Tibt Tibetan|bs bos_Latn Bosnian|ca cat_Latn Catalan|cs ces_Latn Czech
cy cym_Latn Welsh|da dan_Latn Danish|de deu_Latn German|el ell_Grek Greek
en eng_Latn English|eo epo_Latn Esperanto|es spa_Latn Spanish|et est_Latn Estonian
eu eus_Latn Basque|fa pes_Arab Persian|fi fin_Latn Finnish|fo fao_Latn Faroese
fr fra_Latn French|ga gle_Latn Irish|gd gla_Latn Scottish Gaelic|gl glg_Latn Galician
gu guj_Gujr Gujarati|ha hau_Latn Hausa|he heb_Hebr Hebrew|hi hin_Deva Hindi
hr hrv_Latn Croatian|ht hat_Latn Haitian Creole|hu hun_Latn Hungarian|hy hye_Armn Armenian
id ind_Latn Indonesian|ig ibo_Latn Igbo|is isl_Latn Icelandic|it ita_Latn Italian
ja jpn_Jpan Japanese|jv jav_Latn Javanese|ka kat_Geor Georgian|kk kaz_Cyrl Kazakh
km khm_Khmr Khmer|kn kan_Knda Kannada|ko kor_Hang Korean|ky kir_Cyrl Kyrgyz
lb ltz_Latn Luxembourgish|lg lug_Latn Ganda|ln lin_Latn Lingala|lo lao_Laoo Lao
lt lit_Latn Lithuanian|lv lvs_Latn Latvian|mg plt_Latn Malagasy|mi mri_Latn Maori
mk mkd_Cyrl Macedonian|ml mal_Mlym Malayalam|mn khk_Cyrl Mongolian|mr mar_Deva Marathi
ms zsm_Latn Malay|mt mlt_Latn Maltese|my mya_Mymr Burmese|nb nob_Latn Norwegian Bokmål
ne npi_Deva Nepali|nl nld_Latn Dutch|nn nno_Latn Norwegian Nynorsk|oc oci_Latn Occitan
or ory_Orya Odia|pa pan_Guru Punjabi|pl pol_Latn Polish|ps pbt_Arab Pashto
pt por_Latn Portuguese|ro ron_Latn Romanian|ru rus_Cyrl Russian|rw kin_Latn Kinyarwanda
sa san_Deva Sanskrit|sd snd_Arab Sindhi|si sin_Sinh Sinhala|sk slk_Latn Slovak
sl slv_Latn Slovenian|sn sna_Latn Shona|so som_Latn Somali|sq als_Latn Albanian
sr srp_Cyrl Serbian|su sun_Latn Sundanese|sv swe_Latn Swedish|sw swh_Latn Swahili
ta tam_Taml Tamil|te tel_Telu Telugu|tg tgk_Cyrl Tajik|th tha_Thai Thai
ti tir_Ethi Tigrinya|tk tuk_Latn Turkmen|tl tgl_Latn Tagalog|tr tur_Latn Turkish
tt tat_Cyrl Tatar|ug uig_Arab Uyghur|uk ukr_Cyrl Ukrainian|ur urd_Arab Urdu
uz uzn_Latn Uzbek|vi vie_Latn Vietnamese|wo wol_Latn Wolof|xh xho_Latn Xhosa
yi ydd_Hebr Yiddish|yo yor_Latn Yoruba|yue yue_Hant Cantonese|zh zho_Hans Chinese
zu zul_Latn Zulu
"""

_TABLE = [
    (code, flores, name)
    for row in _ROWS.replace("\n", "|").split("|")
    if row
    for code, flores, name in [row.split(" ", 2)]
]
FLORES: dict[str, str] = {code: flores for code, flores, _ in _TABLE}
_NAMES = {code: name for code, _, name in _TABLE}
_MACRO = {"ara": "ar", "aze": "az", "fas": "fa", "hbs": "sh", "lav": "lv", "mlg": "mg"} | {
    **{"mon": "mn", "msa": "ms", "nep": "ne", "nor": "no", "ori": "or", "pus": "ps"},
    **{"sqi": "sq", "swa": "sw", "uzb": "uz", "yid": "yi", "arg": "an", "bre": "br"},
}
_FROM_THREE = {flores[:3]: code for code, flores, _ in _TABLE} | _MACRO


_VARIANTS = {"sh-BS": "bs", "sh-HR": "hr", "sh-SR": "sr"}
"""Apertium's variants of Serbo-Croatian are languages with codes of their own."""


def normalize(code: str) -> str:
    """Return a code in the form ``xx`` or ``xx-YY``: ISO 639-1 where one exists, then a region.

    ``eng`` becomes ``en``, ``pt_br`` becomes ``pt-BR``.
    """
    language, _, rest = code.strip().replace("_", "-").partition("-")
    language = language.lower()
    language = _FROM_THREE.get(language, language)
    if not rest:
        return language
    full = f"{language}-{rest.upper() if len(rest) == 2 else rest}"
    return _VARIANTS.get(full, full)


def base_language(code: str) -> str:
    """Return the language of a code without its region: ``pt-BR`` is ``pt``."""
    return normalize(code).partition("-")[0]


def language_name(code: str) -> str:
    """Return the English name of a language, for people and language models."""
    name = _NAMES.get(base_language(code))
    return f"{name} ({code})" if name else code
