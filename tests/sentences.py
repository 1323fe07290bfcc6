"""Sentences of a kind that people post, in many languages, for the test of the language check."""

# ruff: noqa: RUF001 (other languages use letters that look like ours)

LATIN = {
    "de": (
        "Ich bin heute sehr glücklich",
        "Das ist der schlimmste Tag meines Lebens",
        "Warum hat mir das niemand gesagt?",
        "Ich habe Angst vor der Prüfung morgen",
        "Endlich wieder Sonne und gute Laune",
        "Du fehlst mir so sehr",
    ),
    "nl": (
        "Ik ben vandaag heel gelukkig",
        "Dit is de slechtste dag van mijn leven",
        "Waarom heeft niemand mij dat verteld?",
        "Ik ben bang voor het examen van morgen",
        "Wat een prachtige verrassing was dat",
        "Ik mis je zo erg",
    ),
    "fr": (
        "Je suis très heureux aujourd'hui",
        "C'est le pire jour de ma vie",
        "Pourquoi personne ne me l'a dit ?",
        "J'ai peur de l'examen de demain",
        "Quelle belle surprise pour toute la famille",
        "Tu me manques tellement",
    ),
    "es": (
        "Hoy estoy muy feliz",
        "Este es el peor día de mi vida",
        "¿Por qué nadie me lo dijo?",
        "Tengo miedo del examen de mañana",
        "Qué sorpresa tan bonita para todos",
        "Te echo mucho de menos",
    ),
    "pt": (
        "Hoje estou muito feliz",
        "Este é o pior dia da minha vida",
        "Por que ninguém me contou isso?",
        "Tenho medo da prova de amanhã",
        "Que surpresa maravilhosa para a família",
        "Sinto muito a sua falta",
    ),
    "it": (
        "Oggi sono molto felice",
        "Questo è il giorno peggiore della mia vita",
        "Perché nessuno me lo ha detto?",
        "Ho paura dell'esame di domani",
        "Che bella sorpresa per tutta la famiglia",
        "Mi manchi così tanto",
    ),
    "ro": (
        "Sunt foarte fericit astăzi",
        "Aceasta este cea mai rea zi din viața mea",
        "De ce nu mi-a spus nimeni?",
        "Mi-e frică de examenul de mâine",
        "Ce surpriză frumoasă pentru toată familia",
        "Mi-e atât de dor de tine",
    ),
    "sv": (
        "Jag är mycket lycklig idag",
        "Det här är den värsta dagen i mitt liv",
        "Varför har ingen sagt det till mig?",
        "Jag är rädd för provet imorgon",
        "Vilken härlig överraskning för hela familjen",
        "Jag saknar dig så mycket",
    ),
    "da": (
        "Jeg er meget glad i dag",
        "Det er den værste dag i mit liv",
        "Hvorfor har ingen sagt det til mig?",
        "Jeg er bange for prøven i morgen",
        "Sikke en dejlig overraskelse for hele familien",
        "Jeg savner dig så meget",
    ),
    "fi": (
        "Olen tänään hyvin onnellinen",
        "Tämä on elämäni huonoin päivä",
        "Miksi kukaan ei kertonut sitä minulle?",
        "Minä en voi uskoa että se on totta",
        "Pelkään huomista koetta niin kovasti",
        "Minulla on niin ikävä sinua",
    ),
    "pl": (
        "Jestem dziś bardzo szczęśliwy",
        "To jest najgorszy dzień w moim życiu",
        "Dlaczego nikt mi tego nie powiedział?",
        "Boję się jutrzejszego egzaminu",
        "Co za piękna niespodzianka dla całej rodziny",
        "Tak bardzo za tobą tęsknię",
    ),
    "tr": (
        "Bugün çok mutluyum",
        "Bu benim hayatımın en kötü günü",
        "Neden kimse bunu bana söylemedi?",
        "Yarınki sınavdan çok korkuyorum ama hazırım",
        "Ne kadar güzel bir sürpriz oldu",
        "Seni çok özledim",
    ),
    "id": (
        "Saya sangat bahagia hari ini",
        "Ini adalah hari terburuk dalam hidup saya",
        "Kenapa tidak ada yang memberi tahu aku?",
        "Aku takut dengan ujian besok",
        "Kejutan yang indah untuk semua keluarga",
        "Aku sangat merindukan kamu",
    ),
}
"""Six sentences of 3 to 10 words in each language that is told by its function words."""

HUMAN_RIGHTS = {
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti.",
    "ro": "Toate ființele umane se nasc libere și egale în demnitate și în drepturi.",
    "sv": "Alla människor är födda fria och lika i värde och rättigheter.",
    "da": "Alle mennesker er født frie og lige i værdighed og rettigheder.",
    "fi": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
    "id": "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama.",
}
"""The first sentence of Article 1 of the Universal Declaration of Human Rights."""

OTHER_SCRIPTS = {
    "ru": ("Сегодня я очень счастлив", "Это худший день в моей жизни"),
    "uk": ("Сьогодні я дуже щасливий", "Це найгірший день у моєму житті"),
    "bg": ("Днес съм много щастлив", "Това е най-лошият ден в живота ми"),
    "el": ("Σήμερα είμαι πολύ χαρούμενος", "Αυτή είναι η χειρότερη μέρα της ζωής μου"),
    "ar": ("أنا سعيد جدا اليوم", "هذا أسوأ يوم في حياتي"),
    "fa": ("امروز خیلی خوشحالم", "این بدترین روز زندگی من است"),
    "he": ("אני מאוד שמח היום", "זה היום הכי גרוע בחיים שלי"),
    "hi": ("मैं आज बहुत खुश हूँ", "यह मेरे जीवन का सबसे बुरा दिन है"),
    "th": ("วันนี้ฉันมีความสุขมาก", "นี่คือวันที่แย่ที่สุดในชีวิตของฉัน"),
    "zh": ("我今天很开心", "这是我一生中最糟糕的一天"),
    "ja": ("今日はとても嬉しいです", "人生で最悪の日だ @friend https://example.org/picture"),
    "ko": ("오늘 정말 행복해요", "내 인생 최악의 날이야 ㅠㅠ LOL"),
}
"""Sentences in scripts other than Latin."""

ENGLISH = (
    "que sera sera, whatever will be will be",
    "c'est la vie i guess",
    "off to los angeles with la familia",
    "my cafe au lait was a fiasco",
    "die hard is on tv again",
    "so it was a man in a red van",
    "déjà vu: the café closed just when i got there",
    "Fußball im Pub with the lads, what a night",
    "i feel like a total diva",
    "omg no way!!! 😂😂😂",
    "i didnt feel humiliated",
    "@user @user Привет is how my friends say hello to me",
    "smh",
    "Beyoncé 💛",
    "de la soul are so good live",
    "un film de luxe, if a little long for its own good",
)
"""English with names, loans and abbreviations that look like another language."""
