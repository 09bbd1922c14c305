"""Requests for harm in languages that the harm model was not trained on: the clearest terms only.

For each language: words that ask for instructions, and for each category a verb with its object. A text is a request
only if both match: a report of an act asks for nothing. Names only, no descriptions.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

from typing import Final, NamedTuple

from extproc.detectors.text.normalize import plain

_ASKED: Final = {
    "de": (r"wie (?:kann|konnte|konnen|soll|baue?|mache?|stelle?|bekomme?|hacke?|stehle?)|anleitung|schritt fur schritt|erklar[a-z]* mir|zeig[a-z]* mir|hilf mir|sag mir", {
        "weapons": r"(?:bombe|sprengstoff|sprengsatz|rohrbombe|giftgas|schusswaffe|schalldampfer)[a-z]*",
        "drugs": r"(?:crystal meth|methamphetamin|kokain|heroin|fentanyl|drogen)[a-z]* (?:herstell|koch|verkauf|schmuggel|kauf)[a-z]*",
        "violence": r"(?:jemand|menschen|person|frau|mann|nachbar|kind|lehrer)[a-z]* (?:[a-z]+ )?(?:umbring|tot(?:e|et)|ermord|vergift|entfuhr|verletz|foltern|erstech)[a-z]*",
        "self_harm": r"(?:mich|mir) (?:[a-z]+ )?(?:umbring|tot(?:en|e)|das leben nehm|selbst verletz|ritz)[a-z]*",
        "cyber": r"(?:konto|account|handy|netzwerk|wlan|passwort|computer|server|webseite)[a-z]* (?:[a-z]+ )?(?:hack|knack|ausspah|lahmleg)[a-z]*|(?:schadsoftware|ransomware|computervirus|keylogger)[a-z]*",
        "crime": r"(?:auto|bank|identitat|geld|kreditkarte|pass|ausweis)[a-z]* (?:[a-z]+ )?(?:stehl|ausraub|fals|wasch|klau|kurzschliess)[a-z]*",
    }),
    "fr": (r"comment (?:puis-je|peut-on|on peut|faire|fabriquer|construire|pirater|voler|tuer|acheter|vendre|je)|etape par etape|explique[a-z-]*|donne[a-z]*[- ]moi|aide[a-z]*[- ]moi|dis[- ]moi", {
        "weapons": r"bombes?|explosifs?|gaz (?:toxique|neurotoxique|sarin)|silencieux|armes? (?:a feu )?(?:sans permis|illegal|intracable)[a-z]*",
        "drugs": r"(?:methamphetamine|cocaine|heroine|fentanyl|drogue)s?",
        "violence": r"(?:tuer|assassiner|empoisonner|kidnapper|enlever|torturer|poignarder|agresser) (?:quelqu'un|une? |des |mon |ma |mes |son )",
        "self_harm": r"(?:me suicider|me tuer|me faire du mal|mettre fin a mes jours|me scarifier)",
        "cyber": r"pirater|hacker|rancongiciel|logiciel (?:malveillant|espion)|virus informatique|voler (?:des|les|un) (?:mots? de passe|donnees)|hameconnage",
        "crime": r"(?:voler|cambrioler|braquer) (?:une? |des |la |l')(?:voiture|banque|maison|identite|magasin)|blanchir (?:de l'|l')argent|(?:faux|fausse) (?:passeport|papiers|monnaie|identite|billets)|frauder",
    }),
    "es": (r"como (?:puedo|podria|se puede|hago|hacer|fabricar|construir|hackear|robar|matar|comprar|vender|conseguir)|paso a paso|explica[a-z]*|dame|dime|ayudame|ensename|instrucciones", {
        "weapons": r"bombas?|explosivos?|gas (?:toxico|nervioso|sarin)|silenciador|armas? (?:de fuego )?(?:sin licencia|ilegal|irrastreable)[a-z]*",
        "drugs": r"metanfetamina|cocaina|heroina|fentanilo|drogas?",
        "violence": r"(?:matar|asesinar|envenenar|secuestrar|torturar|apunalar|golpear) (?:a |al )",
        "self_harm": r"suicidarme|matarme|quitarme la vida|hacerme dano|cortarme|autolesion[a-z]*",
        "cyber": r"hackear|ransomware|programa malicioso|virus informatico|robar (?:contrasenas|datos|credenciales)|keylogger|phishing|espiar (?:el|a)",
        "crime": r"robar (?:un |una |el |la )|lavar dinero|blanquear dinero|falsificar|(?:pasaporte|documento|identidad|billete)s? fals[a-z]*|estafar|evadir impuestos",
    }),
    "it": (r"come (?:posso|potrei|si puo|faccio|fare|costruire|fabbricare|hackerare|rubare|uccidere|comprare)|passo (?:dopo|per) passo|spiegami|dimmi|dammi|aiutami|istruzioni", {
        "weapons": r"bomba|bombe|esplosiv[a-z]*|gas (?:tossico|nervino|sarin)|silenziatore|armi? (?:da fuoco )?(?:senza licenza|illegal)[a-z]*",
        "drugs": r"metanfetamina|cocaina|eroina|fentanyl|droghe?",
        "violence": r"(?:uccidere|assassinare|avvelenare|rapire|torturare|accoltellare|picchiare) (?:qualcuno|una? |il |la |mi[oa] )",
        "self_harm": r"suicidarmi|uccidermi|togliermi la vita|farmi del male|tagliarmi",
        "cyber": r"hackerare|ransomware|malware|virus informatico|rubare (?:password|dati|credenziali)|phishing",
        "crime": r"rubare (?:un |una |il |la )|riciclare denaro|falsificare|(?:passaporto|documento|banconot)[a-z]* fals[a-z]*|truffare|evadere le tasse",
    }),
    "pt": (r"como (?:posso|poderia|se pode|faco|fazer|fabricar|construir|hackear|invadir|roubar|matar|comprar)|passo a passo|explique|me (?:diga|de|ajude|ensine)|instrucoes", {
        "weapons": r"bombas?|explosivos?|gas (?:toxico|sarin)|silenciador|armas? (?:de fogo )?(?:sem licenca|ilega)[a-z]*",
        "drugs": r"metanfetamina|cocaina|heroina|fentanil|drogas?",
        "violence": r"(?:matar|assassinar|envenenar|sequestrar|torturar|esfaquear|espancar) (?:alguem|uma? |o |a |me[us] |minha )",
        "self_harm": r"me (?:matar|suicidar|cortar|machucar)|tirar minha (?:propria )?vida|cometer suicidio",
        "cyber": r"hackear|invadir (?:uma? |o |a )(?:conta|rede|computador|celular|site|sistema)|ransomware|malware|virus de computador|roubar (?:senhas|dados)|phishing",
        "crime": r"roubar (?:um |uma |o |a )|lavar dinheiro|falsificar|(?:passaporte|documento|dinheiro) fals[a-z]*|sonegar impostos|aplicar golpes?",
    }),
    "nl": (r"hoe (?:kan|maak|bouw|moet|krijg|hack|steel|koop)|stap voor stap|leg uit|geef me|vertel me|help me", {
        "weapons": r"bom|bommen|explosie[vf][a-z]*|gifgas|zenuwgas|geluiddemper",
        "drugs": r"(?:crystal meth|cocaine|heroine|drugs) (?:[a-z]+ )?(?:maken|koken|verkopen|smokkelen|kopen)",
        "violence": r"iemand (?:[a-z]+ )?(?:vermoord|dod|vergiftig|ontvoer|neersteek|martel)[a-z]*",
        "self_harm": r"(?:mezelf|mijzelf) (?:[a-z]+ )?(?:doden|van het leven|pijn doen|snijden|ombrengen)|zelfmoord plegen",
        "cyber": r"(?:account|telefoon|netwerk|wifi|computer|website) (?:[a-z]+ )?(?:hack|krak)[a-z]*|gijzelsoftware|wachtwoorden stelen",
        "crime": r"(?:auto|bank|identiteit|fiets|geld) (?:[a-z]+ )?(?:stelen|beroven|overvallen|witwassen|vervalsen)",
    }),
    "pl": (r"jak (?:moge|mozna|zrobic|zbudowac|wlamac|ukrasc|zabic|kupic|wyprodukowac)|krok po kroku|wyjasnij|powiedz mi|pomoz mi|instrukcj[a-z]*", {
        "weapons": r"bomb[eya]|material[a-z]* wybuchow[a-z]*|gaz trujacy|broni? (?:bez pozwolenia|nielegaln)[a-z]*",
        "drugs": r"metamfetamin[a-z]*|kokain[a-z]*|heroin[a-z]*|narkotyk[a-z]*|fentanyl[a-z]*",
        "violence": r"(?:zabic|zamordowac|otruc|porwac|torturowac|dzgnac|pobic) [a-z]+",
        "self_harm": r"popelnic samobojstwo|zabic sie|odebrac sobie zycie|okaleczyc sie|pociac sie",
        "cyber": r"wlamac sie (?:do|na)|zhakowac|ransomware|zlosliw[a-z]* oprogramowan[a-z]*|wykrasc (?:hasla|dane)|ukrasc (?:hasla|dane)",
        "crime": r"ukrasc (?:samochod|pieniadze|tozsamosc)|prac (?:brudne )?pieniadze|podrobic|falszywy (?:paszport|dowod)|okrasc|napasc na bank",
    }),
    "tr": (r"nasil|adim adim|anlat|acikla|bana|yardim et", {
        "weapons": r"bomba[a-z]* (?:yap|kur|hazirla)[a-z]*|patlayici[a-z]*|zehirli gaz",
        "drugs": r"(?:metamfetamin|kokain|eroin|uyusturucu)[a-z]* (?:yap|uret|sat|kacir|al)[a-z]*",
        "violence": r"(?:birini|birisini|adam|komsumu|karimi|kocami) (?:[a-z]+ )?(?:oldur|zehirle|kacir|bicakla|dov)[a-z]*",
        "self_harm": r"intihar ed[a-z]*|kendimi (?:oldur|as|kes)[a-z]*",
        "cyber": r"(?:hesab|telefon|bilgisayar|site|wifi|sifre)[a-z]* (?:[a-z]+ )?(?:hackle|kir|cal)[a-z]*|fidye yazilim[a-z]*",
        "crime": r"(?:araba|banka|kimlik|para)[a-z]* (?:[a-z]+ )?(?:cal|soy|akla)[a-z]*|sahte (?:pasaport|para|kimlik)[a-z]*",
    }),
    "ru": (r"как|пошагов|инструкци|объясни|расскажи|помоги|научи", {
        "weapons": r"(?:сделать|собрать|изготовить|построить|купить)[^.\n]{0,20}(?:бомб|взрывчатк|взрывное|оружие|глушитель|ядовитый газ|зарин)",
        "drugs": r"(?:сварить|приготовить|сделать|продать|купить|провезти|изготовить)[^.\n]{0,20}(?:метамфетамин|кокаин|героин|наркотик|фентанил|мефедрон)",
        "violence": r"(?:убить|отравить|похитить|зарезать|избить|пытать) (?:человек|кого|муж|жен|сосед|ребен|люд)",
        "self_harm": r"покончить с собой|убить себя|совершить самоубийство|порезать себя|повеситься",
        "cyber": r"взломать|(?:создать|написать)[^.\n]{0,20}(?:вирус|вымогател|вредонос)|украсть[^.\n]{0,20}(?:парол|данные)",
        "crime": r"(?:украсть|угнать)[^.\n]{0,15}(?:машин|деньги|личност|автомобил)|ограбить|отмы(?:ть|вать) деньги|подделать|фальшив(?:ый паспорт|ые деньги|ые документы)",
    }),
    "zh": (r"如何|怎么|怎样|怎樣|教我|步骤|步驟|方法|告诉我|告訴我", {
        "weapons": r"(?:制造|制作|做|自制|製造|製作)[^。\n]{0,8}(?:炸弹|炸彈|炸药|炸藥|枪|槍|武器|毒气|毒氣)",
        "drugs": r"(?:制造|制作|合成|贩卖|販賣|走私|购买|買)[^。\n]{0,8}(?:冰毒|海洛因|可卡因|毒品|芬太尼)",
        "violence": r"(?:杀死|殺死|杀人|殺人|谋杀|謀殺|绑架|綁架|毒死|折磨|伤害|傷害)",
        "self_harm": r"自杀|自殺|自残|自殘|结束自己的生命|結束自己的生命",
        "cyber": r"(?:入侵|黑进|黑入|駭入|破解|盗取|盜取|窃取|竊取)[^。\n]{0,10}(?:账|帳|密码|密碼|网|網|系统|系統|手机|手機|电脑|電腦|数据|資料|银行|銀行)|勒索软件|勒索軟體",
        "crime": r"洗钱|洗錢|(?:偷|盗窃|盜竊|抢劫|搶劫)[^。\n]{0,6}(?:车|車|银行|銀行|钱|錢|商店)|伪造|偽造|逃税|逃稅|诈骗|詐騙",
    }),
    "ja": (r"方法|やり方|作り方|どうやって|どうすれば|教えて|手順", {
        "weapons": r"(?:爆弾|爆発物|銃|毒ガス|武器)",
        "drugs": r"(?:覚醒剤|覚せい剤|コカイン|ヘロイン|麻薬|大麻)[^。\n]{0,8}(?:作|製造|密輸|売|買)",
        "violence": r"(?:殺す|殺害|人を殺|誘拐|拷問|毒殺|殺し)",
        "self_harm": r"自殺|リストカット|自傷|死ぬ方法",
        "cyber": r"ハッキング|ハック|不正アクセス|マルウェア|ランサムウェア|パスワードを盗",
        "crime": r"盗む|強盗|偽造|資金洗浄|マネーロンダリング|脱税|詐欺",
    }),
    "ko": (r"방법|어떻게|알려|단계별|만드는", {
        "weapons": r"(?:폭탄|폭발물|총기|독가스)[^.\n]{0,8}(?:만드|만들|제조|구입)",
        "drugs": r"(?:필로폰|마약|코카인|헤로인|메스암페타민)[^.\n]{0,8}(?:만드|만들|제조|팔|판매|밀수|구입|사는)",
        "violence": r"(?:죽이|살해|납치|독살|고문)",
        "self_harm": r"자살|자해",
        "cyber": r"해킹|랜섬웨어|악성코드|비밀번호[^.\n]{0,6}(?:훔치|탈취)",
        "crime": r"훔치|위조|돈세탁|탈세|강도|사기 치",
    }),
    "ar": (r"كيف|خطوة بخطوة|اشرح|علمني|اعطني|طريقة", {
        "weapons": r"(?:صنع|اصنع|بناء|تصنيع|صناعة)[^.\n]{0,10}(?:قنبلة|متفجرات|سلاح|غاز سام)",
        "drugs": r"(?:صنع|اصنع|بيع|تهريب|شراء|تصنيع)[^.\n]{0,10}(?:المخدرات|مخدرات|الكوكايين|الهيروين|الميث)",
        "violence": r"(?:اقتل|قتل|تسميم|خطف|اختطاف|تعذيب)",
        "self_harm": r"الانتحار|انتحر|اقتل نفسي|ايذاء نفسي",
        "cyber": r"(?:اختراق|اخترق|سرقة كلمات|برنامج خبيث|فيروس)",
        "crime": r"(?:سرقة|اسرق|تزوير|غسيل الاموال|التهرب من الضرائب)",
    }),
    "hi": (r"कैसे|तरीका|बताओ|बताइए|सिखाओ", {
        "weapons": r"(?:बम|विस्फोटक|हथियार|बंदूक)[^।\n]{0,12}(?:बना|खरीद)",
        "drugs": r"(?:ड्रग्स|कोकीन|हेरोइन|नशीली)[^।\n]{0,12}(?:बना|बेच|खरीद|तस्करी)",
        "violence": r"(?:हत्या|मार डाल|अपहरण|जहर द)",
        "self_harm": r"आत्महत्या|खुद को (?:मार|नुकसान)",
        "cyber": r"हैक|पासवर्ड चुरा|वायरस बना",
        "crime": r"चोरी|नकली (?:पासपोर्ट|नोट)|जालसाजी|मनी लॉन्ड्रिंग",
    }),
}  # fmt: skip


class PlainRequest(NamedTuple):
    """A request in another language than English: both patterns must match."""

    category: str
    asked: str
    wanted: str


_SPACED: Final = frozenset({"de", "fr", "es", "it", "pt", "nl", "pl", "tr"})


def _bounded(words: str, language: str) -> str:
    return rf"\b(?:{words})" if language in _SPACED else plain(words)


PLAIN_REQUESTS: Final[tuple[PlainRequest, ...]] = tuple(
    PlainRequest(category, _bounded(asked, language), _bounded(wanted, language))
    for language, (asked, by_category) in _ASKED.items()
    for category, wanted in by_category.items()
)
