"""Whether a text is likely in another language than its corpus declares: by its script, then by its function words.

Both are rules of thumb, made for shares of a corpus and not for single texts. They are blind to texts of fewer than
``LEAST_WORDS`` words or with fewer than ``LEAST_HITS`` function words, to languages that are not listed, and to
languages that share a script other than Latin. ``docs/data.md`` states their measured error.
"""

# ruff: noqa: RUF001 (Turkish has a dotless i)

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection

LEAST_WORDS = 3
"""Texts with fewer words are not judged by them: names, titles and exclamations belong to no language."""
LEAST_HITS = 2
"""Function words of another language that a text must have: one alone stands in many English titles and names."""
LATIN = "LATIN"

_FUNCTION_WORDS = {
    "en": "the and to of a in is it you that he was for on are with as i his they be at one have this from or had by "
    "but not what all were we when your can said there an which she do how their if will up other about out many "
    "then them these so some her would make like him has more my me who did its no just now than us our been am im "
    "don dont didn doesn isn wasn won ll ve t s m re d u ur lol too very get got go going know think feel feeling "
    "really because into only still never even over also after could should off most while being does here where "
    "why every love time good way want day people life see need someone something",
    "de": "der die das und ich nicht ist es ein eine einen einem einer du wir ihr sie zu den dem des mit sich auf für "
    "von im hat habe haben hatte war waren bin bist sind wird werden wurde kann noch nur auch aber wie was wenn weil "
    "dass so mein meine dein kein keine mich dich uns mir dir aus bei nach über sehr schon immer wieder mehr oder als "
    "am an um doch heute hier diese dieser dieses alles warum wer wo",
    "nl": "de het een en van ik je niet dat die in is op te zijn met voor maar er wat om als aan hij ze zij wij we "
    "heb heeft hebben had was waren ben bent wordt worden kan nog ook naar bij dan dit deze mijn jouw zo wel geen "
    "meer over uit door heel erg zich hem haar hun ons onze mij altijd weer nu hoe omdat waarom wie waar",
    "fr": "le la les un une des de du et est je tu il elle nous vous ils elles on ne pas que qui dans en pour sur "
    "avec mais plus ce cette ces mon ma mes ton ta tes son sa ses suis es sont était être ai as avons avez ont au aux "
    "très tout tous si comme bien fait même sans quand où moi toi lui leur qu me te a y jamais toujours rien par "
    "parce cela ça aussi trop encore pourquoi comment",
    "es": "el la los las un una de del y que en es no se por con para su lo como más pero sus le ya o este esta esto "
    "ese esa eso sí porque cuando muy sin sobre también me te mi tu mis tus nos yo ella ellos hay fue ha he han está "
    "estoy están son ser soy eres era estaba todo todos nada siempre nunca qué si al hoy mucho tan quién dónde cómo",
    "pt": "o a os as um uma de do da dos das e que em no na nos nas é não se por com para seu sua como mais mas eu "
    "ele ela eles você vocês me te meu minha meus teu isso isto este esta esse essa foi ser sou são está estou "
    "estava era tem tenho muito quando também já só até sem nem ao à pelo pela tudo nada sempre nunca hoje "
    "quem onde porque",
    "it": "il lo la i gli le un una uno di del della dei delle e che è in non si per con da sono mi ti ci vi ma come "
    "più anche ho hai ha abbiamo hanno questo questa questi quello quella io tu lui lei noi mio mia suo sua al alla "
    "nel nella sul sulla molto quando perché se era sei siamo stato stata essere tutto tutti niente sempre mai oggi "
    "così cosa dell chi dove",
    "ro": "și si nu de la în in un o pe cu că ca este sunt ești a am ai au fi fost mai dar pentru din care ce eu tu "
    "el ea noi voi ei mă te se îmi îți mi ți lui meu mea foarte când cum dacă acest această asta tot toate nimic "
    "mereu niciodată azi prea atât era cine unde",
    "sv": "och att det är en ett jag du han hon vi ni de som på av för med den till har hade var inte om men så från "
    "kan ska vill min mitt din sin mig dig sig oss honom henne mycket när hur vad där här eller också bara alla "
    "alltid aldrig idag nu efter över under utan detta dessa blir blev varför vem vilken ingen",
    "da": "og at det er en et jeg du han hun vi i de som på af for med den til har havde var ikke om men så fra kan "
    "skal vil min mit din sin mig dig sig os ham hende meget når hvordan hvad der her eller også kun bare alle altid "
    "aldrig dag nu efter over under uden dette disse bliver blev være hvorfor hvem hvilken ingen",
    "fi": "ja on ei että se hän minä sinä me te he olen olet oli ovat olla en et kun niin mutta kuin tai jos vain nyt "
    "myös mitä tämä tämän sen minun sinun hänen minua minut joka jotka kaikki mikä miten hyvin vielä ole olisi ollut "
    "aina tänään koska nämä miksi kuka missä",
    "pl": "i w nie na się z do to że jest jestem jesteś są był była było być o jak ale co po tak za od przez dla czy "
    "już tylko ja ty on ona my wy oni mnie mi ci cię jego jej ich mój moja moje twój ten ta te tego tej bardzo kiedy "
    "gdy jeszcze też może wszystko nic zawsze nigdy dziś bo by dlaczego kto gdzie",
    "tr": "ve bir bu da de için çok ben sen o biz siz onlar ne mi mı var yok değil gibi daha ama en kadar sonra her "
    "şey ile olan olarak beni seni bana sana benim senin onun bizim ki ya hiç bugün şimdi neden nasıl zaman çünkü "
    "diye oldu olur ise kim nerede bunu",
    "id": "yang dan di ke dari ini itu tidak dengan untuk saya aku kamu dia kami kita mereka adalah ada akan sudah "
    "bisa pada juga karena atau jika seperti oleh lebih sangat hari sekali lagi belum masih saja hanya semua apa "
    "bagaimana ketika telah para bukan tak nya banget gak kenapa siapa mana",
}
"""The most frequent function words of the larger languages that are written in Latin letters, by ISO 639-1 code.

English has the words that tweets and reviews use most besides: it must not lose a text to a borrowed phrase.
"""

_SCRIPTS = {
    "CYRILLIC": "ru uk bg sr mk be kk",
    "ARABIC": "ar fa ur",
    "CJK": "zh ja ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "DEVANAGARI": "hi mr ne",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "GREEK": "el",
    "HEBREW": "he",
    "THAI": "th",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
}
"""The languages of each other script, which is named as the Unicode names of its characters begin."""

_WORD = re.compile(r"[^\W\d_]+")
_REFERENCE = re.compile(r"(?:https?://|www\.|[@#])\S+|&[a-z]+;", re.IGNORECASE)
"""Links, names, hashtags and HTML entities: Latin letters in whatever language the text is."""


def foreign_language_test(languages: Collection[str]) -> Callable[[str], bool] | None:
    """A function that tells whether a text is likely in none of ``languages``, which are ISO 639-1 codes.

    It says so of a text most of whose letters are of another script, and of one that has at least ``LEAST_HITS``
    function words of some other language and fewer than half as many of its own. Returns None when ``languages`` is
    empty or holds one that nothing is known about.
    """
    scripts = {language: _scripts(language) for language in languages}
    if not scripts or not all(scripts.values()):
        return None
    own_scripts = frozenset().union(*scripts.values())
    own_words = frozenset().union(*(_words(language) for language in languages))
    others: dict[str, list[str]] = {}
    for other in _FUNCTION_WORDS.keys() - set(languages):
        for word in _words(other):
            others.setdefault(word, []).append(other)

    def is_foreign(text: str) -> bool:
        plain = _REFERENCE.sub(" ", text)
        if LATIN not in own_scripts or not plain.isascii():
            letters = Counter(map(_script, filter(str.isalpha, plain)))
            own_letters = sum(letters[script] for script in own_scripts)
            if 2 * own_letters < letters.total() - letters[""]:
                return True
        words = _WORD.findall(plain.lower())
        if len(words) < LEAST_WORDS:
            return False
        own_hits = sum(word in own_words for word in words)
        if 4 * own_hits >= len(words):  # enough of its own, and the common case: the others need not be counted
            return False
        hits = Counter(other for word in words for other in others.get(word, ()))
        return max(hits.values(), default=0) >= max(LEAST_HITS, 2 * own_hits + 1)

    return is_foreign


def _words(language: str) -> frozenset[str]:
    return frozenset(_FUNCTION_WORDS.get(language, "").split())


def _scripts(language: str) -> frozenset[str]:
    """The scripts that a language is written in; none when nothing is known about the language."""
    other = {script for script, languages in _SCRIPTS.items() if language in languages.split()}
    return frozenset(other | ({LATIN} if language in _FUNCTION_WORDS else set()))


def _script(letter: str) -> str:
    """The script of a letter; empty for one that belongs to none of those that are listed, such as ``ª``."""
    if letter.isascii() or "À" <= letter <= "ɏ":
        return LATIN
    name = unicodedata.name(letter, "").partition(" ")[0]
    return name if name in _SCRIPTS or name == LATIN else ""
