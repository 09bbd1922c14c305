"""Phrases that object to what was asked, in sixteen languages: it is wrong, so the answer declines without a no.

One word is not enough, since honest answers say what is illegal. An objection joins two words (*illegal and
unethical*), judges what one must keep in mind (*it is important to note ... unacceptable*), or begins the answer with
its judgment (*It is unethical to ...*). In English the n-gram model of ``refusal`` finds them.
"""

# ruff: noqa: E501 - a language is easier to read in one line a field

from __future__ import annotations

from typing import Final, NamedTuple

from extproc.detectors.text.normalize import plain


class _Words(NamedTuple):
    """Alternatives of a pattern, in one language.

    Attributes:
        bad: judges by ethics or decency.
        unlawful: judges by law.
        harmful: judges by effect; counts only with one of the others.
        joined: what is between two of them.
        reminds: what a speaker says who asks to keep something in mind.
        begins: what an answer begins with that judges at once.
    """

    bad: str
    unlawful: str
    harmful: str
    joined: str
    reminds: str
    begins: str


_LATIN: Final = (
    _Words(
        r"unethisch[a-z]*|unmoralisch[a-z]*|inakzeptabel|unangemessen[a-z]*|verwerflich[a-z]*|nicht (?:ethisch|akzeptabel|vertretbar|hinnehmbar|angemessen|moralisch|tolerierbar|in ordnung)",
        r"illegal[a-z]*|rechtswidrig[a-z]*|gesetzwidrig[a-z]*|strafbar[a-z]*|verboten[a-z]*|nicht (?:legal|erlaubt|zulassig)|gegen das gesetz",
        r"schadlich[a-z]*|gefahrlich[a-z]*|diskriminierend[a-z]*|verletzend[a-z]*|respektlos[a-z]*",
        r"(?:,| und| oder| sowie| noch| sondern auch)(?: [a-z]+)?",
        r"wichtig(?: ist)?(?: es)?,? (?:zu|dass|darauf|daran)|(?:mochte|muss) (?:ich )?(?:betonen|darauf hinweisen|klarstellen)",
        r"(?:es|das|dies) (?:ist|ware)",
    ),
    _Words(
        r"contraires? (?:a l'ethique|a la morale)|immora(?:l|le|ux|les)|inacceptables?|inapproprie[a-z]*|(?:pas|ni|non) (?:ethiques?|acceptables?|mora(?:l|le|ux)|approprie[a-z]*|convenables?)|moralement (?:repr|inacc|cond)[a-z]+",
        r"illega(?:l|le|ux|les)|interdite?s?|illicites?|punissables?|contraires? a la loi|un delit|un crime",
        r"dangereu(?:x|se|ses)|nuisibles?|nefastes?|prejudiciables?|discriminatoires?|irrespectueu(?:x|se|ses)",
        r"(?:,| et| ou| mais aussi| ni)(?: [a-z]+)?",
        r"important de (?:noter|souligner|rappeler|comprendre|preciser|se rappeler)|je (?:tiens a|dois|voudrais) (?:souligner|rappeler|preciser)",
        r"(?:il (?:est|serait|n'est)|ce (?:n'est|serait)|c'est|cela (?:est|n'est))",
    ),
    _Words(
        r"poco etic[oa]s?|antietic[oa]s?|inmoral(?:es)?|inaceptables?|inapropiad[oa]s?|contrari[oa]s? a la etica|no (?:es|son|seria) (?:etic[oa]s?|aceptables?|apropiad[oa]s?|moral(?:es)?|correct[oa]s?|adecuad[oa]s?)|no etic[oa]s?",
        r"ilegal(?:es)?|ilicit[oa]s?|un delito|prohibid[oa]s?|contra la ley|punibles?",
        r"danin[oa]s?|perjudicial(?:es)?|peligros[oa]s?|discriminatori[oa]s?|irrespetuos[oa]s?",
        r"(?:,| y| e| o| ni| sino tambien)(?: [a-z]+)?",
        r"importante (?:recordar|senalar|destacar|tener en cuenta|mencionar|entender|aclarar|recalcar)|debo (?:senalar|recordar|advertir|aclarar)",
        r"(?:es|seria|esto es|eso es|no)",
    ),
    _Words(
        r"immoral[ei]|inaccettabil[ei]|inappropriat[oaie]|contrari[oaie] all'etica|eticamente (?:scorrett|sbagliat|inaccettabil)[a-z]+|non (?:e|sono|sarebbe) (?:etic[oai]|accettabil[ei]|appropriat[oaie]|moral[ei]|corrett[oaie])|non etic[oai]",
        r"illegal[ei]|illecit[oaie]|un reato|vietat[oaie]|contro la legge|perseguibil[ei]",
        r"dannos[oaie]|pericolos[oaie]|discriminatori[oae]?|offensiv[oaie]|irrispettos[oaie]",
        r"(?:,| e| ed| o| ne| ma anche)(?: [a-z]+)?",
        r"importante (?:ricordare|sottolineare|notare|tenere presente|capire|precisare|considerare)|(?:devo|vorrei) (?:sottolineare|ricordare|precisare)",
        r"(?:e|sarebbe|questo e|cio e|non)",
    ),
    _Words(
        r"antietic[oa]s?|imora(?:l|is)|inaceitave(?:l|is)|inapropriad[oa]s?|inadequad[oa]s?|contra a etica|nao (?:e|sao|seria) (?:etic[oa]s?|aceitave(?:l|is)|apropriad[oa]s?|mora(?:l|is)|corret[oa]s?|adequad[oa]s?)|nao etic[oa]s?",
        r"ilega(?:l|is)|ilicit[oa]s?|um crime|proibid[oa]s?|contra a lei|puniv(?:el|eis)",
        r"prejudicia(?:l|is)|perigos[oa]s?|danos[oa]s?|nociv[oa]s?|discriminatori[oa]s?|ofensiv[oa]s?|desrespeitos[oa]s?",
        r"(?:,| e| ou| nem| mas tambem)(?: [a-z]+)?",
        r"importante (?:lembrar|ressaltar|notar|destacar|entender|mencionar|observar|salientar|esclarecer)|devo (?:ressaltar|lembrar|esclarecer)",
        r"(?:e|seria|isso e|isto e|nao)",
    ),
    _Words(
        r"onethische?|immore(?:el|le)|onacceptabele?|ongepaste?|onaanvaardbare?|niet (?:ethisch|acceptabel|gepast|moreel|oke|aanvaardbaar|toelaatbaar|in orde)",
        r"illega(?:al|le)|strafba(?:ar|re)|verboden|onwettige?|in strijd met de wet|tegen de wet",
        r"schadelijke?|gevaarlijke?|discriminerende?|kwetsende?|respectloze?",
        r"(?:,| en| of| maar ook| noch)(?: [a-z]+)?",
        r"belangrijk,? (?:om )?(?:te|op te|dat|hierbij)|(?:moet|wil|wil graag) (?:ik )?(?:benadrukken|erop wijzen|opmerken)",
        r"(?:het|dit|dat) (?:is|zou)",
    ),
    _Words(
        r"nieetyczn[a-z]*|niemoraln[a-z]*|niedopuszczaln[a-z]*|nieakceptowaln[a-z]*|nieodpowiedni[a-z]*|nie (?:jest|sa|byloby) (?:etyczn|akceptowaln|dopuszczaln|moraln|odpowiedni|wlasciw|w porzadku)[a-z]*",
        r"nielegaln[a-z]*|niezgodn[a-z]* z prawem|karaln[a-z]*|zabronion[a-z]*|przestepstw[a-z]*|sprzeczn[a-z]* z prawem",
        r"szkodliw[a-z]*|niebezpieczn[a-z]*|krzywdzac[a-z]*|dyskryminuj[a-z]*|obrazliw[a-z]*",
        r"(?:,| i| oraz| lub| ani| a takze)(?: [a-z]+)?",
        r"wazne(?: jest)?,? (?:aby|by|zeby|jest)|(?:nalezy|musze|chce|warto) (?:podkreslic|pamietac|zaznaczyc|zauwazyc)",
        r"(?:to|to jest|jest to|byloby to)",
    ),
    _Words(
        r"immorals?|inacceptables?|inapropia(?:t|ts|da|des)|poc etic[as]?|contrari[as]? a l'etica|no (?:es|son|seria) (?:etic[as]?|acceptables?|apropia[a-z]+|adequa[a-z]+|morals?|correct[ea]s?)",
        r"il.{0,2}legals?|il.{0,2}licits?|un delicte|prohibi(?:t|ts|da|des)|contra la llei",
        r"perjudicials?|perillos(?:os|a|es)?|noci(?:u|us|va|ves)|discriminatori[as]?",
        r"(?:,| i| o| ni| sino tambe)(?: [a-z]+)?",
        r"important (?:recordar|destacar|tenir en compte|assenyalar|remarcar|entendre)",
        r"(?:es|seria|aixo es|no)",
    ),
    _Words(
        r"inmora(?:l|is)|inaceptab(?:el|les?|eis)|inapropiad[oa]s?|pouco etic[oa]s?|contrari[oa]s? a etica|non (?:e|son|seria) (?:etic[oa]s?|aceptab[a-z]+|axeitad[oa]s?|mora(?:l|is)|correct[oa]s?)",
        r"ilega(?:l|is)|ilicit[oa]s?|un delito|prohibid[oa]s?|contra a lei",
        r"prexudicia(?:l|is)|perigos[oa]s?|danin[oa]s?|discriminatori[oa]s?",
        r"(?:,| e| ou| nin)(?: [a-z]+)?",
        r"importante (?:lembrar|salientar|destacar|ter en conta|entender)",
        r"(?:e|seria|isto e|non)",
    ),
    _Words(
        r"etik (?:degil|disi|olma)[a-z]*|ahlaka aykiri[a-z]*|ahlak ?disi[a-z]*|kabul edilemez[a-z]*|uygunsuz[a-z]*|uygun degil[a-z]*",
        r"yasa ?disi[a-z]*|yasalara aykiri[a-z]*|hukuka aykiri[a-z]*|suctur|yasaktir|yasak|illegal",
        r"zararli[a-z]*|tehlikeli[a-z]*|ayrimci[a-z]*|saygisiz[a-z]*",
        r"(?:,| ve| veya| ya da| hem de)(?: [a-z]+)?",
        r"onemlidir|(?:belirtmek|vurgulamak|hatirlatmak) (?:isterim|gerekir|onemli[a-z]*)|unutulmamalidir|unutmamak gerekir",
        r"(?:bu|bu tur|boyle) [a-z]+",
    ),
)  # fmt: skip
_OTHERS: Final = (
    _Words(
        "неэтичн[^ .,\\n]*|аморальн[^ .,\\n]*|безнравственн[^ .,\\n]*|неприемлем[^ .,\\n]*|недопустим[^ .,\\n]*|не(?: является)? (?:этичн|допустим|приемлем)[^ .,\\n]*",
        "незаконн[^ .,\\n]*|противозаконн[^ .,\\n]*|противоправн[^ .,\\n]*|преступлени[^ .,\\n]*|запрещен[^ .,\\n]*|нелегальн[^ .,\\n]*|уголовно наказуем[^ .,\\n]*",
        "опасн[^ .,\\n]*|вредн[^ .,\\n]*|вредоносн[^ .,\\n]*|дискриминацион[^ .,\\n]*|оскорбительн[^ .,\\n]*",
        "(?:,| и| или| а также| но и)(?: [^ .,\\n]+)?",
        "важно,? (?:помнить|отметить|понимать|подчеркнуть|чтобы)|(?:следует|стоит|необходимо|должен|хочу) (?:помнить|отметить|понимать|подчеркнуть|предупредить)",
        "(?:это|такие действия|такое поведение)",
    ),
    _Words(
        "غير (?:أخلاقي|اخلاقي|مقبول|لائق|مناسب)[^ .،\\n]*|يتنافى مع|يتعارض مع (?:القيم|الأخلاق|الاخلاق)",
        "غير (?:قانوني|مشروع|شرعي)[^ .،\\n]*|محظور[^ .،\\n]*|جريمة|مخالف للقانون|ممنوع[^ .،\\n]*",
        "ضار[^ .،\\n]*|خطير[^ .،\\n]*|مؤذ[^ .،\\n]*|مسيئ?[^ .،\\n]*",
        "(?: و| أو| او|،)",
        "من (?:المهم|الضروري)|يجب (?:أن|ان|التأكيد|ملاحظة|التنويه)",
        "(?:هذا|هذه|إن|ان|يعتبر)",
    ),
    _Words(
        "अनैतिक|अनुचित|अस्वीकार्य|नैतिक नहीं|उचित नहीं|स्वीकार्य नहीं",
        "अवैध|गैरकानूनी|गैर-कानूनी|अपराध|कानून के (?:खिलाफ|विरुद्ध)",
        "हानिकारक|खतरनाक|भेदभावपूर्ण|अपमानजनक",
        "(?:,| और| या| तथा| एवं)(?: [^ ।\\n]+)?",
        "महत्वपूर्ण है|ध्यान (?:रखें|देना|में रख)|याद रख|समझना ज़रूरी",
        "(?:यह|ऐसा|इस|किसी)",
    ),
    _Words(
        "不道德|不恰当|不恰當|不合适|不合適|不可接受|不能接受|不符合道德|违反道德|違反道德|违背道德|違背道德",
        "违法|違法|非法|犯法|犯罪|违反法律|違反法律|不合法",
        "有害|危险|危險|有危害",
        "(?:行为|行為)?的?(?:、|和|且|并且|並且|又|或|或者|以及|[，,]而且|[，,]也)(?:是|在?道德上|在?法律上)?",
        "重要的是|需要强调|需要強調|请注意|請注意|必须强调|需要明确|需要指出",
        "(?:这|這|那|任何|[^。\\n]{0,40}(?:行为|行為|做法))",
    ),
    _Words(
        "不道徳|非倫理的|不適切|許され(?:ません|ない|る)|容認(?:でき|され)|倫理[^。\\n]{0,12}(?:問題|反し|反する|許され|誤り|認められ)|倫理的では|望ましくありません",
        "違法|犯罪|法律に(?:違反|反|触れ)|法律違反|法的に[^。\\n]{0,4}(?:問題|禁)|非合法|禁じられ|禁止され|許可されて(?:い|お)",
        "有害|危険|差別的",
        "(?:的)?(?:行為|な行為|なもの)?(?:で(?:あり|す)?|かつ|または|や|あるいは|だけでなく|、)(?:[、。,]|また|かつ)*",
        "(?:重要|大切)です|強調(?:し|いた)|ご注意",
        "(?:それは|これは|その|そのような|このような|[^。\\n]{0,60}(?:ことは|行為は))",
    ),
    _Words(
        "비윤리적|부적절|부도덕|비도덕적|윤리적으로 [^.\\n]{0,6}(?:문제|옳지|않|어긋)|용납(?:될|할) 수 없|허용될 수 없|바람직하지 않|옳지 않|적절하지 않|윤리에 어긋|(?:윤리적|도덕적)이지 (?:않|못)|(?:용납|허용)되지 않|받아들(?:일|여질) 수 없",
        "불법|위법|범죄|법적으로 [^.\\n]{0,4}금지|법에 (?:위배|어긋)|법률 위반|법적으로 문제",
        "해로운|유해|위험|차별적",
        "(?: ?행위|적)?(?:이며|이고|고|며|거나|하고|일 뿐만 아니라|일 뿐 아니라|와|과| 및| 또는),?",
        "중요합니다|중요해요|강조|유의|명심",
        "(?:이는|이것은|그것은|그런|이러한|그러한|이런|[^.\\n]{0,60}(?:것은|행위는|행동은))",
    ),
)


def _objections(words: _Words, stops: str, edge: str = "") -> tuple[str, ...]:
    """Args: stops: what ends a sentence, in a character class. edge: of a word."""
    bad, judged = rf"{edge}(?:{words.bad})", rf"{edge}(?:{words.bad}|{words.unlawful})"
    early = rf"^(?:[^{stops}]*[{stops}])?[^{stops}]*"
    return (
        rf"{early}{judged}{words.joined} ?{edge}(?:{words.bad}|{words.unlawful}|{words.harmful})",
        rf"{early}{edge}(?:{words.harmful}){words.joined} ?{judged}",
        rf"{edge}(?:{words.reminds})[^{stops}]*{bad}",
        rf"{bad}[^{stops}]*(?:{words.reminds})",
    )


def _in_latin(words: _Words) -> tuple[str, ...]:
    """In ASCII: a text in another script is spared these patterns."""
    begins = rf"^\W*(?:{words.begins} )?(?:[^ .\n]+ ){{0,2}}?(?:{words.bad})"
    return (*_objections(words, r".\n", r"\b"), begins)


def _in_other_scripts(words: _Words) -> tuple[str, ...]:
    stops = r".。।\n"
    begins = rf"^[^\pL]*(?:{words.begins})[^{stops}]{{0,24}}?(?:{words.bad})"
    return (*_objections(words, stops), begins)


OBJECTS: Final[tuple[str, ...]] = (
    *(pattern for words in _LATIN for pattern in _in_latin(words)),
    *(pattern for words in _OTHERS for pattern in _in_other_scripts(_Words(*map(plain, words)))),
)
"""An answer that matches one says that what was asked is wrong. Of the plain form."""
