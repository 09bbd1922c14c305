"""Phrases that say in which way an answer does not do what was asked, in seventeen languages.

All match the plain form, of the beginning of an answer. ``LACKS_ACCESS``, ``REJECTS_PREMISE`` and ``REDIRECTS`` are
ways of their own; ``GOES_ON`` follows a no, and says that a part is done after all, unless ``CANNOT`` takes it back. Each language has one or two
phrases of each, so the tables are by kind, and translations stand together.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

from typing import Final

from extproc.detectors.text.normalize import plain

_SEEN_EN: Final = r"(?:real[- ]time|internet|the web|websites?|links?|urls?|files?|documents?|attachments?|images?|pictures?|photos?|audio|videos?|live|latest|up[- ]to[- ]date|current|recent|your|database|location|calendar|e-?mails?|screen|browse|see|view|hear|open|previous|external|private (?:company )?data)"
LACKS_ACCESS: Final = (
    rf"\b(?:do not|don't|does not|doesn't|no longer|without|lack|no) (?:currently |actually |yet )?(?:have |having )?(?:any |the |direct )*(?:access|ability|capability|capabilities|means) (?:to|of)\b[^.\n]*\b{_SEEN_EN}\b",
    rf"\b(?:i|we|i'm|i am)(?: [a-z]+)? (?:can't|cannot|can not|unable to|not able to) (?:directly |actually |currently )?(?:[a-z]+ [a-z]+ or )?(?:access|browse|open|view|see|hear|listen to|watch|click on|visit|retrieve|look up)\b[^.\n]*\b{_SEEN_EN}\b",
    r"\b(?:can't|cannot|can not|unable to|not able to) (?:provide|give|offer|tell|share)\b[^.\n]*\b(?:real[- ]time|up[- ]to[- ]date|live|(?:the )?(?:latest|current)) (?:[a-z]+ )?(?:information|data|updates?|news|weather|prices?|scores?|time|date|candidates?|figures|results)\b",
    r"\b(?:don't|do not|can't|cannot) see (?:any|an|the|your) (?:image|file|attachment|document|link|picture|photo|screenshot)|\bno (?:image|file|attachment|document) (?:was|is|has been|seems to be) (?:attached|uploaded|provided|shared|included)\b",
    r"\b(?:habe|hab|besitze|verfuge)\b[^.\n]*\b(?:kein[a-z]*|nicht uber)\b[^.\n]*\b(?:zugriff|zugang|internetzugang|echtzeit[a-z]*)\b",
    r"\b(?:kann|konnen)\b[^.\n]*\b(?:nicht|kein[a-z]*)\b[^.\n]*\b(?:zugreifen|abrufen|offnen|ansehen|sehen|einsehen|im internet)\b",
    r"\b(?:n'ai|n'avons|ne dispose|ne possede)\b[^.\n]*\b(?:pas|aucun)\b[^.\n]*\bacces\b|\bne (?:peux|puis)\b[^.\n]*\b(?:acceder|consulter|ouvrir|voir|naviguer|visualiser)\b",
    r"\bno (?:tengo|dispongo de|cuento con)\b[^.\n]*\bacceso\b|\bno (?:puedo|me es posible)\b[^.\n]*\b(?:acceder|abrir|ver|navegar|consultar|visualizar)\b",
    r"\bnon (?:ho|dispongo di|possiedo)\b[^.\n]*\baccesso\b|\bnon (?:posso|riesco a|sono in grado di)\b[^.\n]*\b(?:accedere|aprire|vedere|navigare|consultare|visualizzare)\b",
    r"\bnao (?:tenho|disponho de|possuo)\b[^.\n]*\bacesso\b|\bnao (?:posso|consigo)\b[^.\n]*\b(?:acessar|aceder|abrir|ver|navegar|consultar|visualizar)\b",
    r"\b(?:heb|beschik)\b[^.\n]*\b(?:geen|niet over)\b[^.\n]*\b(?:toegang|internettoegang|realtime)\b|\bkan\b[^.\n]*\b(?:niet|geen)\b[^.\n]*\b(?:openen|bekijken|zien|raadplegen|opzoeken|op internet)\b",
    r"\bnie (?:mam|posiadam)\b[^.\n]*\bdostepu\b|\bnie (?:moge|potrafie|jestem w stanie)\b[^.\n]*\b(?:otworzyc|zobaczyc|przegladac|sprawdzic|wyswietlic)\b",
    r"\bnon (?:teno|dispono de)\b[^.\n]*\bacceso\b|\bnon podo (?:acceder|abrir|ver|navegar|consultar)\b",
    r"\bno (?:tinc|disposo d')[^.\n]*\bacces\b|\bno puc (?:accedir|obrir|veure|navegar|consultar)\b",
    r"\berisim(?:im|e sahip|imkanim|yetkim)\b[^.\n]*\b(?:yok[a-z]*|bulunm[a-z]*|degil[a-z]*)\b|\b(?:erisemem|erisemiyorum|acamam|acamiyorum|goremem|goremiyorum|goruntuleyemem|goruntuleyemiyorum|gezinemem)\b",
    *map(
        plain,
        (
            "(?:нет|не имею|без) [^.\\n]*(?:доступа|возможности (?:просматривать|открывать|видеть))|не могу [^.\\n]*(?:открыть|открывать|просматривать|просмотреть|увидеть|видеть|выйти в интернет)",
            "(?:没有|無法|无法|不能|不具备|沒有)[^。，\\n]*(?:访问|訪問|存取|实时|實時|即時|联网|聯網|浏览|瀏覽|打开|打開|查看|上网|上網)",
            "(?:アクセス|閲覧|参照|リアルタイム|インターネット|ファイルを開|画像を見)[^。\\n]*(?:できません|できない|できかね|ありません|持っていません|持っておりません)",
            "(?:접근|접속|액세스|실시간|인터넷|열람|파일을 열|이미지를 볼|링크를 열)[^.\\n]*(?:수(?:는|가|도)? ?없|권한이 없|하지 못|기능이 없|권한은 없)",
            "(?:لا (?:املك|أملك|يوجد لدي|امتلك|أمتلك)|ليس لدي|ليست لدي)[^.\\n]*(?:وصول|الوصول)|لا (?:يمكنني|استطيع|أستطيع)[^.\\n]*(?:الوصول الى|الوصول إلى|تصفح|فتح|رؤية|مشاهدة|الاطلاع)",
            "(?:पहुंच|पहुँच|एक्सेस|इंटरनेट|वास्तविक समय)[^।\\n]*नहीं|(?:खोल|देख|ब्राउज़ कर) नहीं सक",
        ),
    ),
)

_CLAIM: Final = r"(?:question|premise|claim|statement|assumption|scenario)"
REJECTS_PREMISE: Final = (
    rf"\b(?:the|your|this|that) {_CLAIM}(?: itself| here)? (?:is|seems|appears)(?: to be)?(?: [a-z]+)? (?:based on|built on|false|incorrect|inaccurate|flawed|mistaken|wrong|not (?:accurate|true|correct|factual))\b",
    rf"\b(?:{_CLAIM}|request|prompt) (?:assumes|presupposes|contains|implies|rests on|relies on|is based on)\b[^.\n]*\b(?:false|incorrect|inaccurate|mistaken?|wrong|flawed|misconception|not true|misunderstanding)\b",
    r"^\W{0,3}(?:i'm sorry, but |i apologize, but |actually, |unfortunately, )?there (?:is|was|has been|are|were) no (?:such (?:thing|person|event|book|movie|film|place|law|word|record|country|city)|(?:known |credible |scientific |reliable |historical )?(?:evidence|record|proof) (?:of|that|to|for))\b",
    r"^[^.\n]*\b(?:that|this|it)(?:'s| is)(?: actually| simply| just)? (?:a |an )?(?:common |popular |widespread )?(?:misconception|myth|false premise|misunderstanding)\b",
    r"^[^.\n]*\b(?:never (?:happened|existed|took place|occurred)|did(?:n't| not) (?:actually |ever )(?:happen|exist|take place|occur))\b",
    r"^[^.\n]*\b(?:not|isn't) (?:fair|accurate|true|correct|appropriate|right)(?: or [a-z]+)? to (?:say|assume|generali[sz]e|stereotype|claim|suggest|conclude|judge|make (?:generali[sz]ations|assumptions))\b",
    r"\b(?:ihre|deine|die|diese) (?:frage|annahme|aussage|behauptung|pramisse)\b[^.\n]*\b(?:falsch[a-z]*|nicht (?:korrekt|richtig|zutreffend)|irrtum[a-z]*)\b|^\W*(?:nein, )?es (?:gibt|gab) (?:[a-z]+ )?kein[a-z]* (?:[a-z]+ ){0,3}?(?:namens|mit (?:diesem|dem) namen|beweis[a-z]*|beleg[a-z]*)\b",
    r"\b(?:votre|ta|la|cette) (?:question|premisse|hypothese|affirmation)\b[^.\n]*\b(?:fauss[a-z]*|faux|errone[a-z]*|incorrect[a-z]*|inexact[a-z]*)\b|^[^.\n]*\bil n'(?:existe|y a) (?:aucune? (?:preuve|trace|[a-z]+ de ce nom)|pas de (?:preuve|tel))",
    r"\b(?:tu|su|la|esta|esa) (?:pregunta|premisa|suposicion|afirmacion)\b[^.\n]*\b(?:fals[oa]|errone[oa]|incorrect[oa]|equivocad[oa]|no es (?:cierta|correcta|verdadera))\b|^[^.\n]*\bno (?:existe|hay) (?:ninguna? )?(?:prueba|evidencia|constancia|registro|[a-z]+ con ese nombre)",
    r"\b(?:tua|sua|la|questa) (?:domanda|premessa|affermazione|ipotesi)\b[^.\n]*\b(?:fals[oa]|errat[oa]|sbagliat[oa]|non e (?:corrett[oa]|vera|esatt[oa]))\b|^[^.\n]*\bnon (?:esiste|ci sono|c'e) (?:alcuna? |nessuna? )?(?:prov[ae]|evidenz[ae]|[a-z]+ con (?:questo|quel) nome)",
    r"\b(?:tua|sua|a|esta|essa) (?:pergunta|premissa|afirmacao|suposicao)\b[^.\n]*\b(?:fals[oa]|errad[oa]|incorret[oa]|equivocad[oa]|nao e (?:verdadeira|correta))\b|^[^.\n]*\bnao (?:existe|ha) (?:nenhuma? )?(?:prova|evidencia|registro|[a-z]+ com esse nome)",
    r"\b(?:je|uw|de|deze) (?:vraag|aanname|stelling|bewering|veronderstelling)\b[^.\n]*\b(?:onjuist[a-z]*|niet (?:juist|correct|waar)|foute?|verkeerde?)\b|^[^.\n]*\ber (?:is|bestaat) geen (?:[a-z]+ ){0,2}?(?:bewijs|met die naam)",
    r"\b(?:twoje|panskie|to|samo) (?:pytanie|zalozenie|twierdzenie|stwierdzenie)\b[^.\n]*\b(?:bledn[a-z]*|falszyw[a-z]*|nieprawdziw[a-z]*|niepoprawn[a-z]*)\b|^[^.\n]*\bnie (?:istnieje|ma) (?:zaden |zadna |zadnych )?(?:dowod[a-z]*|takiej|taki|takiego)",
    r"\b(?:tua|sua|a|esta) (?:pregunta|premisa|afirmacion)\b[^.\n]*\b(?:fals[oa]|erronea|incorrecta|non e (?:certa|correcta))\b|\b(?:teva|seva|la|aquesta) (?:pregunta|premissa|afirmacio)\b[^.\n]*\b(?:fals[oa]|erronia|incorrecta|no es (?:certa|correcta))\b",
    r"\b(?:sorunuz|sorun|sorudaki|varsayim|iddia|onerme)[a-z]*\b[^.\n]*\b(?:yanlis[a-z]*|hatali[a-z]*|dogru degil[a-z]*|gercek disi)\b",
    *map(
        plain,
        (
            "(?:вопрос|утверждение|предположение|предпосылка|посылка)[^.\\n]*(?:неверн|ошибоч|ложн|неправильн|некоррект)|не существует [^.\\n]*(?:доказательств|с таким названием|с таким именем)",
            "(?:这个|该|你的|您的|这一|這個|您的)(?:问题|問題|前提|说法|說法|假设|假設|观点|觀點)[^。\\n]*(?:不正确|不正確|错误|錯誤|有误|有誤|不准确|不準確|不成立|不符合事实|误解)|(?:并不存在|並不存在)|这是(?:一个|一种)?(?:误解|谣言|错误的)",
            "(?:ご質問|質問|前提|主張)[^。\\n]*(?:誤り|誤って|間違|正しくあり|誤解|事実では)|という[^。\\n]*(?:存在しません|存在しない|事実はあり)",
            "(?:질문|전제|주장|말씀하신)[^.\\n]*(?:잘못|틀렸|틀린|사실이 아|사실과 다|정확하지 않|오해)|^[^.\\n]*(?:존재하지 않습니다|사실이 아닙니다|일반화하는 것은)",
            "(?:السؤال|سؤالك|الافتراض|الادعاء|الفرضية)[^.\\n]*(?:خاطئ|غير صحيح|غير دقيق)|لا (?:يوجد|توجد) (?:اي |أي )?(?:دليل|شخص بهذا|كتاب بهذا)",
            "(?:प्रश्न|सवाल|धारणा|दावा)[^।\\n]*(?:गलत|सही नहीं|असत्य|भ्रामक)",
        ),
    ),
)

_WHO_EN: Final = r"(?:professional|doctor|physician|lawyer|attorney|expert|specialist|therapist|counsel[a-z]*|support|authorities|police|hotline|helpline|customer service|human|agent|department|help)"
REDIRECTS: Final = (
    rf"^[^.\n]*\b(?:please|i(?:'d| would)?(?: strongly)? (?:recommend|suggest|advise|encourage|urge)(?: you)?(?: to| that you)?|you should|it(?:'s| is) best to) (?:[a-z]+ ){{0,2}}?(?:contact(?:ing)?|consult(?:ing)?|speak(?:ing)?|talk(?:ing)?|reach(?:ing)? out|seek(?:ing)?|call(?:ing)?|ask(?:ing)?|get in touch)\b[^.\n]*\b{_WHO_EN}\b",
    r"\b(?:let's|let us|can we|how about we|perhaps we (?:can|could)|shall we|i(?:'d| would) (?:rather|prefer to)) (?:talk about|discuss|focus on|move on to|change the|switch to)\b[^.\n]*\b(?:else|different|other|another|positive|subject|topic)\b",
    r"\bi(?:'m| am) (?:only )?here to (?:help|provide|assist|offer|support)\b[^.\n]*\b(?:helpful and|safe|positive|ethical|legal)\b",
    r"^[^.\n]*\b(?:wende dich|wenden sie sich|sprich|sprechen sie|kontaktiere|kontaktieren sie)\b[^.\n]*\b(?:arzt|arztin|fach[a-z]*|anwalt|berat[a-z]*|hilfe|support|polizei|behord[a-z]*|kundendienst)\b|\blass(?:en sie)? uns (?:lieber |doch )?(?:uber|von) (?:etwas|was) ander",
    r"^[^.\n]*\b(?:veuillez|je (?:vous|te) (?:recommande|conseille|invite|suggere)|adressez-vous|contactez|consultez)\b[^.\n]*\b(?:medecin|avocat|professionnel[a-z]*|specialiste|expert|service|conseiller|police|autorites|support)\b|\bparlons (?:plutot )?d'autre chose|\bchangeons de sujet",
    r"^[^.\n]*\b(?:consulta|consulte|contacta|contacte|habla|hable|acude|acuda|te recomiendo|le recomiendo)\b[^.\n]*\b(?:medico|abogad[oa]|profesional|especialista|expert[oa]|soporte|atencion al cliente|policia|autoridades)\b|\bhablemos (?:mejor )?de otr[ao]|\bcambiemos de tema",
    r"^[^.\n]*\b(?:consulta|consulti|contatta|contatti|rivolgiti|si rivolga|ti consiglio|le consiglio)\b[^.\n]*\b(?:medico|avvocato|professionista|specialista|esperto|assistenza|polizia|autorita)\b|\bparliamo (?:piuttosto )?(?:d'altro|di altro)|\bcambiamo argomento",
    r"^[^.\n]*\b(?:consulte|contate|entre em contato|procure|fale com|recomendo)\b[^.\n]*\b(?:medico|advogad[oa]|profissional|especialista|suporte|atendimento|policia|autoridades)\b|\bvamos (?:falar|conversar) (?:sobre|de) outr[ao]|\bmudemos de assunto",
    r"^[^.\n]*\b(?:neem contact op|raadpleeg|praat met|ga naar|ik raad (?:je|u) aan)\b[^.\n]*\b(?:arts|huisarts|advocaat|professional|specialist|deskundige|klantenservice|politie|hulplijn)\b|\blaten we (?:het )?(?:over iets anders|liever over)",
    r"^[^.\n]*\b(?:skontaktuj sie|zwroc sie|porozmawiaj|skonsultuj sie|zalecam|polecam)\b[^.\n]*\b(?:lekarz[a-z]*|prawnik[a-z]*|specjalist[a-z]*|psycholog[a-z]*|obslug[a-z]*|policj[a-z]*)\b|\bporozmawiajmy o czyms innym",
    r"^[^.\n]*\b(?:consulta|contacta|fala con|parla amb|recomendoche|et recomano)\b[^.\n]*\b(?:medico|metge|avogado|advocat|profesional|professional|especialista|policia)\b|\bfalemos doutra cousa|\bparlem d'una altra cosa",
    r"^[^.\n]*\b(?:doktor[a-z]*|avukat[a-z]*|uzman[a-z]*|profesyonel[a-z]*|polis[a-z]*|musteri hizmetleri[a-z]*)\b[^.\n]*\b(?:basvur[a-z]*|danis[a-z]*|gorus[a-z]*|iletisime gec[a-z]*)\b|\bbaska bir konu(?:dan|ya|da)? (?:konus|gec|bahsed)[a-z]*",
    *map(
        plain,
        (
            "^[^.\\n]*(?:обратитесь|обратись|проконсультируйтесь|свяжитесь|советую обратиться|рекомендую обратиться)[^.\\n]*(?:врач|юрист|адвокат|специалист|психолог|поддержк|полици)|давайте поговорим о (?:чем-то|чём-то) друг",
            "^[^。\\n]*(?:建议|建議|请|請)(?:你|您)?[^。\\n]*(?:咨询|諮詢|联系|聯繫|寻求|尋求|求助)[^。\\n]*(?:医生|醫生|律师|律師|专业|專業|专家|專家|客服|警方|机构|帮助)|(?:我们|咱们|我們)?(?:换个|換個|聊聊别的|聊聊其他|谈谈其他)(?:话题|話題)?",
            "^[^。\\n]*(?:医師|弁護士|専門家|専門機関|カスタマー|サポート|警察|相談窓口)[^。\\n]*(?:ご相談|相談して|お問い合わせ|連絡して|ご連絡)|(?:別の|他の)話題",
            "^[^.\\n]*(?:전문가|의사|변호사|상담사|상담센터|고객센터|경찰|전문 기관)[^.\\n]*(?:상담|문의|연락|도움을 받|도움을 구|도움을 요청)[^.\\n]*(?:세요|십시오|좋습니다|바랍니다|권합니다|권장합니다|권해)|다른 (?:주제|이야기)(?:로|에 대해|를) [^.\\n]*(?:이야기|얘기|나눠|해 볼)",
            "^[^.\\n]*(?:انصحك|أنصحك|يرجى|يرجي|تواصل|استشر|استشارة)[^.\\n]*(?:طبيب|محام|مختص|متخصص|خبير|الشرطة|الدعم)|(?:دعنا|لنتحدث) [^.\\n]*(?:شيء اخر|شيء آخر|موضوع اخر|موضوع آخر)",
            "^[^।\\n]*(?:डॉक्टर|वकील|विशेषज्ञ|पेशेवर|पुलिस)[^।\\n]*(?:संपर्क|सलाह|बात) (?:करें|लें)|किसी और विषय पर बात",
        ),
    ),
)

GOES_ON: Final = (
    r"\b(?:but|however|instead|nevertheless|that said|still)\b,? (?:i|we) (?:can|could|will|'ll|may)(?: certainly| still| definitely)? (?:tell|give|offer|provide|share|explain|suggest|say|try) (?:[a-z]+ ){0,3}?(?:general|basic|brief|hypothetical|overview|possible|ideas|facts|tips|background|that|how (?:the|such|it|they|this|these|that|most)|what|information (?:about|on) (?:how|the))\b",
    r"\b(?:but|however|instead|that said|that being said|still|anyway)\b[^.\n]*\bhere(?:'s| are| is)\b",
    r"\b(?:now|alright|so|but|okay|anyway|with that said),? (?:let's|let us|let me|let's get to|onto) (?:dive|get|talk|see|explore|begin|start|move)\b",
    r"(?s)[.!] here(?:'s| are| is) (?:what|some|a few|how|the|an?)\b.{0,80}:\s*\n+\s*(?:1[.)]|[-*])",
    r"\b(?:aber|jedoch|allerdings|stattdessen)\b[^.\n]*\b(?:ich (?:kann|konnte|mochte)|kann ich|konnte ich)\b[^.\n]*\b(?:sagen|erklaren|nennen|allgemein[a-z]*|grundlegend[a-z]*)\b|\bhier (?:sind|ist) (?:einige|ein paar|ein|eine|der|die|das)\b",
    r"\b(?:mais|cependant|toutefois|en revanche)\b[^.\n]*\b(?:je peux|voici|je vais)\b[^.\n]*\b(?:dire|expliquer|donner|quelques|informations|general[a-z]*|voici)\b|\bvoici (?:quelques|les|un|une|des)\b",
    r"\b(?:pero|sin embargo|no obstante|en cambio)\b[^.\n]*\b(?:puedo|aqui tienes|aqui hay|te doy)\b[^.\n]*\b(?:decir[a-z]*|explicar[a-z]*|dar[a-z]*|general[a-z]*|algun[a-z]*|informacion|consejos|aqui)\b|\baqui (?:tienes|hay|van) (?:algun[a-z]*|un[a-z]*|l[ao]s)\b",
    r"\b(?:ma|pero|tuttavia|invece)\b[^.\n]*\b(?:posso|ecco)\b[^.\n]*\b(?:dir[a-z]*|spiegar[a-z]*|dar[a-z]*|general[a-z]*|alcun[a-z]*|informazioni|consigli|ecco)\b|\becco (?:alcun[a-z]*|un[a-z]*|i|le|gli)\b",
    r"\b(?:mas|porem|no entanto|contudo)\b[^.\n]*\b(?:posso|aqui estao|aqui vai)\b[^.\n]*\b(?:dizer|explicar|dar|gera[a-z]*|algum[a-z]*|informacoes|dicas|aqui)\b|\baqui (?:estao|vao|esta) (?:algum[a-z]*|um[a-z]*|as|os)\b",
    r"\b(?:maar|echter|wel)\b[^.\n]*\b(?:kan ik|ik kan|hier zijn)\b[^.\n]*\b(?:vertellen|uitleggen|geven|algemene?|enkele|informatie|tips|hier)\b|\bhier zijn (?:enkele|een paar|de)\b",
    r"\b(?:ale|jednak|natomiast)\b[^.\n]*\b(?:moge|oto)\b[^.\n]*\b(?:powiedziec|wyjasnic|podac|ogoln[a-z]*|kilka|informacj[a-z]*|oto)\b|\boto (?:kilka|pare|lista)\b",
    r"\b(?:pero|mais|tamen|no obstante)\b[^.\n]*\b(?:podo|puc)\b[^.\n]*\b(?:dicir[a-z]*|dir[a-z]*|explicar[a-z]*|xeral|general|informaci[a-z]*)\b|\baqui tes alg[a-z]*|\baqui tens alg[a-z]*",
    r"\b(?:ancak|fakat|ama|bununla birlikte)\b[^.\n]*\b(?:soyleyebilirim|aciklayabilirim|verebilirim|genel bilgi[a-z]*(?: [a-z]+)? verebilirim|anlatabilirim)\b|\biste (?:bazi|birkac)\b",
    *map(
        plain,
        (
            "(?:но|однако),? (?:я )?(?:могу|вот)[^.\\n]*(?:сказать|рассказать|объяснить|дать|общ|несколько|информац)|вот несколько",
            "(?:但是|但|不过|不過|然而)[^。不无無\\n]{0,8}(?:可以|能)[^。\\n]*(?:告诉|告訴|提供一些|给出一些|给你一些|给您一些|解释|解釋|介绍|介紹|分享)|以下是",
            "(?:ただし|しかし|ですが|せんが|代わりに)[^。\\n]*(?:一般的|基本的|概要|背景|仕組み|いくつか)[^。\\n]*(?:説明|お伝え|紹介|提供|お話し)[^。\\n]{0,8}(?:できます|します|いたします|可能です)|以下(?:は|に)[^。\\n]{0,20}(?:例|方法|手順|情報|紹介|説明|示し)",
            "(?:하지만|다만|그러나|대신)[^.\\n]*(?:말씀드릴|설명해 드릴|설명드릴|알려드릴|소개해 드릴|안내해 드릴) 수(?:는|가|도)? ?있|다음은|아래는|아래와 같",
            "(?:لكن|ومع ذلك|بدلا)[^.\\n]*(?:يمكنني|استطيع|أستطيع|اليك|إليك)[^.\\n]*(?:القول|ان اقول|أن أقول|شرح|تقديم بعض|معلومات عامة|بعض)|(?:اليك|إليك) بعض",
            "(?:लेकिन|हालांकि|परंतु)[^।\\n]*(?:बता सकता|बता सकती|समझा सकता|समझा सकती|सामान्य जानकारी)|यहाँ कुछ|यहां कुछ",
        ),
    ),
)

CANNOT: Final = "|".join((
    r"\b(?:(?:ich|wir) (?:kann|konnen|darf|durfen|werde|mochte)|(?:kann|darf|werde|mochte) ich)\b[^.,;\n]{0,80}?\b(?:nichts?|kein[a-z]*|weder)\b",
    r"\b(?:ik (?:kan|mag|zal|wil)|(?:kan|mag|zal|wil) ik)\b[^.,;\n]{0,80}?\b(?:niets?|geen)\b",
    r"\bno (?:te |le |me |os |lo )?(?:puedo|podemos)\b|\bnon (?:ti |le |vi |lo |che |o |a )?(?:posso|possiamo|podo)\b",
    r"\bnao (?:te |lhe |o |a )?(?:posso|podemos)\b|\bno (?:et |us |ho )?puc\b|\bnie (?:moge|mozemy)\b",
    *map(plain, ("(?:لا|لن) (?:يمكنني|يمكننا|استطيع|أستطيع|نستطيع)", "नहीं (?:बता|समझा|दे) सक(?:ता|ती|ते)")),
))  # fmt: skip
"""A no that reads like a *can* in ``GOES_ON``: *but I cannot give information* is not *but I can*."""

WRONG: Final = (
    r"\b(?:illegal|unlawful|unethical|immoral|harmful|unauthorized|privacy|polic(?:y|ies)|guidelines|malicious|ilegal|illegale?|illicite|illegaal|nielegaln[a-z]*|yasa disi|yasadisi|illegaux)\b",
    *map(plain, ("незаконн|违法|非法|不道德|隐私|違法|不正アクセス|불법|개인정보|غير قانوني|अवैध|गैरकानूनी",)),
)
"""What makes a missing access a matter of rules: such an answer declines."""
