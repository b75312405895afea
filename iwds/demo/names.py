"""Names for invented people, in the scripts that real directories hold. `native=latin` where logins need a spelling."""

import unicodedata
from typing import NamedTuple

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})


class Spelling(NamedTuple):
    """A name as its bearer writes it, and its ASCII spelling for a login."""

    native: str
    latin: str


class Culture(NamedTuple):
    """Names that go together, and the language that their bearers chose in the directory."""

    language: str
    first: tuple[Spelling, ...]
    last: tuple[Spelling, ...]


def latin(text: str) -> str:
    """A lower-case ASCII spelling of a name in Latin letters: marks and apostrophes go."""
    bare = unicodedata.normalize("NFD", text.lower().translate(_LETTERS))
    return "".join(letter for letter in bare if letter.isascii() and (letter.isalnum() or letter == "-"))


def _spellings(text: str) -> tuple[Spelling, ...]:
    pairs = (word.partition("=") for word in text.split())
    return tuple(Spelling(native, spelled or latin(native)) for native, _, spelled in pairs)


def _culture(language: str, first: str, last: str) -> Culture:
    return Culture(language, _spellings(first), _spellings(last))


CULTURES = {
    "french": _culture(
        "fr",
        "Aurélie Benoît Camille Chloé Élodie Émile François Gaëlle Hélène Inès Jérôme Léa Mathieu Noémie Raphaël Théo",
        "Bernard Château Dupré Fournier Girard Lefèvre Legrand L'Hôte Mercier Morel Noël Renard Rousseau Saint-Cyr "
        "Vasseur D’Arcy",
    ),
    "english": _culture(
        "en",
        "Alice Benjamin Charlotte Daniel Eleanor Finlay Grace Harriet Isaac Joseph Keira Lewis Matilda Oliver Poppy "
        "Zoë",
        "Ashworth Barker Clarke Davies Fitzgerald Fletcher Hughes Lloyd-Jones MacLeod O'Brien Patterson Sinclair "
        "Thornton Walker Whitfield Young",
    ),
    "german": _culture(
        "de",
        "Anja Björn Dörte Florian Günther Jürgen Katrin Lukas Sören Ursula Wiebke Yannick",
        "Bäcker Brückner Großmann Hübner Jäger Köhler Müller Schäfer Schröder Vogel Weiß Zimmermann",
    ),
    "polish": _culture(
        "pl",
        "Agnieszka Bartłomiej Grażyna Jarosław Łukasz Małgorzata Paweł Stanisław Wojciech Zofia",
        "Błaszczyk Dąbrowski Jabłoński Kołodziej Król Piątek Rutkowska Wiśniewska Wójcik Zając",
    ),
    "turkish": _culture(
        "tr",
        "Ayşe Çağla Emre Gökhan Işıl Mehmet Özlem Şule Uğur Yiğit",
        "Aydın Çelik Doğan Güneş Kılıç Öztürk Şahin Yıldız",
    ),
    "vietnamese": _culture(
        "vi",
        "Ánh Bảo Dũng Hạnh Khánh Linh Mỹ Ngọc Phúc Thảo",
        "Bùi Đặng Đỗ Hoàng Lê Nguyễn Phạm Trần",
    ),
    "greek": _culture(
        "el",
        "Αλέξανδρος=alexandros Γιώργος=giorgos Δήμητρα=dimitra Ελένη=eleni Κατερίνα=katerina Νίκος=nikos Σοφία=sofia "
        "Χρήστος=christos",
        "Αγγελόπουλος=angelopoulos Βασιλείου=vasileiou Γεωργίου=georgiou Δημητρίου=dimitriou Ιωαννίδης=ioannidis "
        "Κωνσταντίνου=konstantinou Νικολάου=nikolaou Παπαδόπουλος=papadopoulos",
    ),
    "cyrillic": _culture(
        "ru",
        "Алексей=alexei Анна=anna Борис=boris Галина=galina Дмитрий=dmitri Екатерина=ekaterina Наталья=natalya "
        "Сергей=sergei Юлія=yuliia Ђорђе=djordje",
        "Волков=volkov Зайцев=zaitsev Іваненко=ivanenko Козлов=kozlov Кузнецов=kuznetsov Лебедев=lebedev "
        "Морозов=morozov Петровић=petrovic Соловьёв=solovyov Шевченко=shevchenko",
    ),
    "arabic": _culture(
        "ar",
        "أحمد=ahmad خالد=khalid سارة=sara عائشة=aisha فاطمة=fatima ليلى=layla محمد=mohammed نور=nour هدى=huda "
        "يوسف=youssef",
        "الحسن=alhassan الخطيب=alkhatib العلي=alali المصري=almasri بن=ben حداد=haddad خوري=khoury منصور=mansour",
    ),
    "hebrew": _culture(
        "he",
        "אבי=avi דנה=dana יעל=yael מיכל=michal נועה=noa עומר=omer רון=ron שרה=sarah",
        "אברהם=avraham ביטון=biton כהן=cohen לוי=levi מזרחי=mizrahi פרידמן=friedman פרץ=peretz",
    ),
    "chinese": _culture(
        "zh",
        "伟=wei 芳=fang 娜=na 敏=min 静=jing 强=qiang 磊=lei 洋=yang 艳=yan 杰=jie",
        "王=wang 李=li 张=zhang 刘=liu 陈=chen 杨=yang 黄=huang 赵=zhao",
    ),
    "japanese": _culture(
        "ja",
        "太郎=taro 花子=hanako 翔太=shota 美咲=misaki さくら=sakura 健一=kenichi 直樹=naoki 陽子=yoko ケン=ken "
        "由美=yumi",
        "佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe 伊藤=ito 山本=yamamoto 中村=nakamura "
        "小林=kobayashi",
    ),
    "korean": _culture(
        "ko",
        "민준=minjun 서연=seoyeon 지훈=jihoon 수빈=subin 하은=haeun 도윤=doyun 예진=yejin 현우=hyunwoo",
        "김=kim 이=lee 박=park 최=choi 정=jung 강=kang 조=cho 윤=yoon",
    ),
    "hindi": _culture(
        "hi",
        "आरव=aarav प्रिया=priya रोहित=rohit नेहा=neha विजय=vijay अनिता=anita सुनील=sunil दीपिका=deepika",
        "शर्मा=sharma सिंह=singh वर्मा=verma गुप्ता=gupta पटेल=patel मेहता=mehta चौधरी=chaudhary जोशी=joshi",
    ),
    "thai": _culture(
        "th",
        "กมล=kamon ณัฐ=nat ปิยะ=piya พิมพ์=phim มาลี=mali สมชาย=somchai อรุณี=arunee",
        "แก้วมณี=kaewmanee ใจดี=jaidee ทองคำ=thongkham บุญมี=boonmee ศรีสุข=srisuk สุขใจ=sukjai",
    ),
}
