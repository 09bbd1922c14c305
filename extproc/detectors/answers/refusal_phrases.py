"""Refusal phrases beyond those in ``detectors.refusal``: more languages, and softer ones.

All match the plain form. *Further* phrases decide alone, like those of ``detectors.refusal``. *Soft* phrases remind of
law and ethics: many such responses refuse, but some go on to help, so the linear model must agree.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

from typing import Final

from extproc.detectors.text.normalize import plain

SORRY: Final = r"(?:sorry|afraid|apologi[sz]e|apologies|regret|unfortunately)"
_ENGLISH: Final = (
    rf"\b{SORRY}\b[^.\n]*\b(?:must say no|turn down (?:that|this|your)|i decline|won't be (?:possible|accommodated)|(?:cannot|can't|can not|cant|won't) (?:reveal|disclose|share|do (?:that|this)))\b",
    rf"\b{SORRY}\b[^.\n]*\b(?:outside|beyond|out of) (?:of )?(?:(?:the|my|our) )?(?:[a-z-]+ ){{0,2}}?scope\b",
    r"^\W*sorry,? (?:but )?(?:that's |that is |it's |it is |this is )?not possible\b",
    r"^\W*that (?:would not|wouldn't) be (?:appropriate|ethical|right)\b",
    r"\b(?:i'm|i am|we're|we are) not (?:authori[sz]ed|permitted|allowed|supposed|in a position) to (?:reveal|disclose|share|provide|help|answer|discuss|do|give|assist|comment)\b",
    r"\b(?:i|we) (?:cant|wont) (?:help|assist|do that|comply|answer|share|provide)\b",
)
_LATIN: Final = (
    *_ENGLISH,
    r"\bno (?:tengo (?:permitido|permiso para)|me esta permitido|voy a) (?:ayudar|responder|proporcionar|compartir|dar|escribir|crear|hacer)[a-z]*",
    r"\bmi funcion no es\b|\b(?:lo siento|disculp[a-z]*|lamento)\b[^.\n]*\bfuera de (?:mi|nuestro|mis) (?:ambito|alcance|funciones)\b",
    r"\bnao vou (?:ajudar|responder|fornecer|escrever|criar|fazer|compartilhar|participar)\b",
    r"\bnon podo (?:axudar|cumprir|responder|facilitar|traducir|crear|escribir)[a-z]*|\bno puc (?:ajudar|traduir|respondre|fer|escriure|proporcionar|crear|complir)[a-z]*",
    r"\b(?:przykro mi|przepraszam|niestety)\b[^.\n]*\bnie (?:moge|jestem w stanie|mozemy|wolno mi)\b",
    r"\bnie (?:moge|jestem w stanie)(?: [a-z]+){0,3}? (?:pomoc|odpowiedziec|udzielic|podac|spelnic|stworzyc|napisac|dostarczyc|udostepnic)[a-z]*",
    r"\b(?:uzgunum|maalesef|kusura bakma[a-z]*|ozur dilerim)\b[^.\n]*\b(?:yardimci olamam|yardimci olamiyorum|edemem|veremem|saglayamam|yapamam|olamam|[a-z]+(?:amam|emem|amiyorum|emiyorum|amayiz|emeyiz))\b",
    r"\b(?:yardimci olamam|yardim edemem|bilgi veremem|yerine getiremem|yanit veremem|talebinizi karsilayamam|yardimci olamiyorum)\b",
    r"\b(?:ich|wir) (?:muss|mussen) (?:[a-z]+ ){0,3}?(?:ablehnen|verweigern)\b",
    r"\bje (?:dois|me dois de) (?:refuser|decliner)\b",
    r"\b(?:dabei|damit|das|dazu|hierbei|hierzu|daran|diese[a-z]* (?:anfrage|bitte|aufgabe|inhalt[a-z]*|frage)) (?:kann|darf|werde|mochte) ich (?:[a-z]+ ){0,3}?(?:nicht|kein[a-z]*)\b",
    r"\b(?:ich|wir) (?:werde|darf|lehne)\b[^.\n]*\b(?:nicht (?:tun|mitmachen|machen|teilnehmen|ausfuhren|verfassen)|ab)\b",
    r"\bje (?:refuse|ne (?:peux|vais|souhaite) pas (?:faire|rediger|produire|partager|participer|discuter|traiter|encourager|soutenir|continuer))\b|\bil m'est impossible\b|\bcela (?:va a l'encontre|enfreint|depasse)\b",
    r"\bno (?:puedo|podemos|voy a|debo|me corresponde|estoy en condiciones de)(?: [a-z'-]+){0,2}? ?(?:hacer|participar|seguir|apoyar|promover|recomendar|continuar|discutir|hablar de|proceder|redactar|traducir|atender|revelar)[a-z]*",
    r"\bnon (?:posso|possiamo|intendo|devo|voglio|sono autorizzat[oa] a)(?: [a-z'-]+){0,2}? ?(?:fare|farlo|partecipar|sostener|promuover|consigliar|continuar|discuter|proceder|tradur|rivelar|aiutart|soddisf)[a-z]*|\bdevo (?:rifiutare|declinare)\b",
    r"\bnao (?:posso|podemos|devo|vou|me e permitido)(?: [a-z'-]+){0,2}? ?(?:fazer|participar|seguir|apoiar|promover|recomendar|continuar|discutir|prosseguir|redigir|traduzir|revelar|fazer isso)[a-z]*|\bpreciso recusar\b|\btenho que recusar\b",
    r"\b(?:daar|hier|dat|dit|hierbij|daarbij) (?:kan|mag|wil|zal|ga) ik (?:[a-z]+ ){0,3}?(?:niet|geen)\b|\bik (?:moet|weiger)\b[^.\n]*\b(?:weigeren|afwijzen|te helpen|dit)\b",
    r"\bnie (?:bede|zamierzam|wolno mi|powinienem|chce)(?: [a-z]+){0,3}? (?:pomagac|pomoc|odpowiadac|udzielac|pisac|tworzyc|brac udzialu|wspierac|robic|tego robic)\b|\bmusze odmowic\b|\bodmawiam\b",
    r"\bnon podo(?: [a-z]+){0,2}? (?:facer|dar|proporcionar|compartir|participar|atender)[a-z]*|\bnon vou (?:axudar|facer|responder)[a-z]*|\bsintoo, pero non\b|\bho sento,? pero no\b|\bno (?:puc|podem|penso|vull)(?: [a-z]+){0,2}? (?:donar|compartir|participar|atendre|continuar|oferir|facilitar)[a-z]*|\bem nego a\b|\bnegome a\b",
    r"\b(?:bu|boyle bir) (?:istegi|istegini|talebi|talebinizi|konuda|konuyu|soruyu|soruya|icerigi|gorevi)\b[^.\n]*\b[a-z]+(?:amam|emem|amiyorum|emiyorum|amayiz|emeyiz|mayacagim|meyecegim)\b|\b(?:reddetmek zorundayim|reddediyorum|izin verilmiyor|yetkili degilim)\b",
    r"\b(?:debo|tengo que) (?:rechazar|negarme|declinar)\b",
)
_SCRIPTS: Final = (
    "(?:извините|простите|к сожалению|сожалею|прошу прощения)[^.\\n]*не (?:могу|можем|в состоянии|имею права|буду)",
    "я не (?:могу|буду|в состоянии|имею права)(?: [а-яё]+){0,3}? (?:пересказать|сгенерировать|генерировать|перевести|раскрыть|выполнять|помочь|помогать|предоставить|ответить|дать|создать|написать|выполнить|поддержать|участвовать|обсуждать|рассказать|отвечать|делиться)",
    "(?:죄송|미안|유감|안타깝)[^.\\n]*(?:수(?:는|가|도)? ?없|어렵습니다|없어요|도와드리기 어려)",
    "(?:죄송|미안)[^.\\n]*범위를 벗어|(?:다루지|제공하지|답변하지|도와드리지) (?:않습니다|못합니다)",
    "(?:抱歉|对不起|對不起)[^。\\n]*超出[^。\\n]{0,12}(?:范围|範圍)|我(?:无法|無法|不能)(?:给到|给出|给你)",
    "(?:申し訳|恐れ入り|すみません)[^。\\n]*範囲外",
    "(?:도와드릴|제공할|제공해 드릴|답변할|답변드릴|알려드릴|도울|작성할|지원할|응할) 수 (?:가 )?없",
    "(?:آسف|عذرا|اعتذر|للاسف|أعتذر|أسف)[^.\\n]*(?:لا (?:استطيع|أستطيع|يمكنني|يمكن)|لن (?:اتمكن|أتمكن|استطيع)|لست قادر)",
    "لا (?:استطيع|أستطيع|يمكنني)(?: [^ .\\n]+){0,2}? (?:مساعدتك|المساعدة|تقديم|تلبية|الاجابة|الإجابة|توفير|انشاء|كتابة|مشاركة)",
    "(?:क्षमा|माफ|खेद|माफी|दुर्भाग्य)[^।\\n]*(?:नहीं (?:कर सक|दे सक|कर पा|बता सक)|असमर्थ|सकता नहीं)",
    "(?:मदद|सहायता|जानकारी|उत्तर|प्रदान)[^।\\n]*नहीं (?:कर सक|दे सक|कर पा)",
)
_KO_TASK: Final = "(?:도움|도와|제공|답변|대답|응답|알려|말씀|설명|작성|생성|공유|지원|안내|조언|추천|논의|언급|묘사|번역|처리|수행|이행|참여|응할|응해|따를|다룰|만들어|써|요청)"
_ZH_TASK: Final = "(?:提供|帮|幫|协助|協助|回答|满足|滿足|参与|參與|支持|生成|创建|創建|创作|創作|撰写|撰寫|完成|告诉|告訴|设计|設計|推荐|推薦|鼓励|鼓勵|展示|进行|進行|讨论|討論|执行|執行|编写|編寫|制作|製作|分享|透露|回应|回應|处理|處理|接受|扮演|评论|評論|认同|認同|赞同|贊同|建议|教你|教您|写|說|说)"
_JA_TASK: Final = "(?:お手伝い|お答え|お応え|提供|回答|対応|作成|生成|支援|協力|説明|お教え|共有|ご案内|案内|お伝え|翻訳|助言|アドバイス|推奨|コメント|執筆|サポート)"
_BROAD_SCRIPTS: Final = (
    f"{_KO_TASK}[^.\\n]{{0,16}}(?:수(?:는|가|도)? ?없|지 않(?:겠|을 것)|지 못(?:합|해)|기(?:가|는)? (?:어렵|힘들|곤란)|이? ?불가(?:능)?(?:합니다|해요|하며)|[이은] 어렵습니다)",
    "(?:만들|도울|써 드릴|그릴|들어줄|들어드릴|해 드릴) 수(?:는|가|도)? ?없|(?:부적절한|위험한|유해한|불법적인) (?:요청|질문|내용)(?:입니다|이므로|이기 때문)",
    "(?:제공|답변|답|대답|응답|알려|말씀|공유|조언|추천|논의|언급|안내|도와|작성)[^.\\n]{0,8}지 않(?:습|아요)|답변[은이]? (?:제한|불가)",
    "저는 [^.\\n]*(?:(?:설계|프로그래밍|훈련|학습)되지 않|(?:만들|쓰|다루|돕|나누)지 (?:않|못))|(?:이야기|글|내용|주제|농담)[^.\\n]*지 않겠",
    "(?:그것은|그건|이것은|이건|그렇게는) [^.\\n]{0,6}할 수(?:는|가|도)? ?없|(?:제가|제 |도와드릴|지원)[^.\\n]*범위를 벗어",
    "드릴 수(?:는|가|도)? ?없|드리기(?:는|가|에는)? ?(?:어렵|힘들|곤란)|드리지 (?:않|못)",
    "(?:요청|질문|부탁|지시|명령)[^.\\n]*(?:거절|거부|사양|응하지|따르지|수행하지|수락하지|받아들일 수 없)",
    "(?:거절|거부|사양)(?:합니다|하겠습니다|해야|할 수밖에|하도록|드립니다)",
    "(?:저는|나는|제가|내가|저희는|우리는) [^.\\n]*(?:하지 않습니다|하지 않겠습니다|할 수(?:는|가)? ?없|줄 수(?:는|가)? ?없|드릴 수(?:는|가)? ?없|들어줄 수 없|허용되지 않|금지되어)",
    "(?:죄송|미안|유감|안타깝)[^.\\n]{0,12}[.,]?[^.\\n]*(?:수(?:는|가|도)? ?없|않습니다|않겠습니다|못합니다|어렵습니다|금지|안 됩니다)",
    "我(?:们|們)?(?:不能|无法|無法|不会|不會)(?:这样|那样|这么|這樣|這麼)?(?:做|为你|为您|帮|給|给|替)",
    f"(?:我|作为|作為|本人)[^。\\n]*(?:不能|无法|無法|不会|不會|不可以|不便|没办法|拒绝|拒絕|不被允许)[^。，\\n]{{0,8}}{_ZH_TASK}",
    "(?:抱歉|对不起|對不起|很遗憾|很遺憾|不好意思)[^。\\n]{0,16}(?:不可能|非法|违法|違法|不道德|不合适|不恰当|不合適|违反|違反|不提供|不支持|拒绝|拒絕)",
    f"{_JA_TASK}[^。\\n]{{0,16}}(?:できません|できない|できかね|いたしかね|致しかね|しかねます|出来ません|控え|お断り|行いません|行えません|しません|致しません|いたしません|差し上げられ)",
    "(?:申し訳|恐れ入り|残念ながら)[^。\\n]*(?:ことはできません|ことができません|しかねます|控えさせて|お断り)",
    "(?:ご(?:要望|依頼|質問|リクエスト)|リクエスト|その(?:依頼|要求))[^。\\n]{0,16}(?:応じられ|お応えでき|お受けでき|お断り|従うことは)",
    "(?:не могу|не буду|не стану|не имею права|отказываюсь|вынужден[а]? отказать|не в состоянии)[^.\\n]*(?:помо[чг]|предоставить|предоставлять|ответить|отвечать|выполнить|выполнять|создать|создавать|написать|писать|обсуждать|участвовать|поддерж|делиться|поделиться|давать|дать|рассказ|объясн|раскры)",
    "(?:لا (?:استطيع|أستطيع|يمكنني|اقدم|أقدم)|لن (?:اقوم|أقوم|اساعد|أساعد|اقدم|أقدم)|لا يمكن لي|ارفض|أرفض|غير قادر على|لست مخول)[^.\\n]{0,16}(?:مساعد|المساعد|تقديم|تلبية|الاجابة|الإجابة|الرد|توفير|انشاء|إنشاء|كتابة|مشاركة|تنفيذ|المشاركة|مناقشة|دعم|شرح|اعطاء|إعطاء|هذا الطلب)",
    "(?:मैं|हम)[^।\\n]*(?:नहीं (?:कर|दे|बता|लिख|बना) (?:सक|पा)|नहीं करूंगा|नहीं करूँगा|मना करता|मना करती|असमर्थ|अनुमति नहीं)",
)
_RULES: Final = (
    r"\b(?:verstosst|verstossen|widerspricht) (?:gegen )?(?:meine|meinen|unsere|unseren)\b|\b(?:helfe|erstelle|schreibe|verfasse|beantworte) ich (?:[a-z]+ ){0,2}?nicht\b|\btut mir leid\b[^.\n]*\bkann ich (?:[a-z]+ ){0,2}?(?:nichts|nicht)\b",
    r"\b(?:enfreint|viole|contraire a|a l'encontre de) (?:mes|ma|nos|notre)\b",
    r"\b(?:en contra de|viola|infringe|incumple) (?:mis|mi|nuestras|nuestros)\b|\bme niego a\b|\bno (?:es|seria) apropiado que (?:yo )?(?:proporcione|ayude|responda|comparta|escriba)\b",
    r"\b(?:viola|violano|contro) (?:le |i )?(?:mie|miei|nostre|nostri)\b|\bmi rifiuto di\b|\bnon e possibile per me\b",
    r"\b(?:viola|violam|contraria|contra) (?:as |os )?(?:minhas|meus|nossas|nossos)\b|\b(?:recuso-me|me recuso) a\b|\bnao e possivel para mim\b",
    r"\bin strijd met (?:mijn|onze)\b|\bik (?:kan en wil|wil) (?:[a-z]+ ){0,2}?niet (?:aan )?(?:mee|hel|schr)[a-z]*",
    r"\bnarusza(?:ja)? (?:moje|nasze)\b|\ben contra (?:das|dos) (?:minas|meus)\b|\ben contra de (?:les|els) (?:meves|meus)\b",
    r"\b(?:kurallarima|ilkelerime|politikalarima|yonergelerime) (?:aykiri|ters)[a-z]*\b",
    *map(
        plain,
        (
            "(?:нарушает мои|нарушает наши|противоречит моим|противоречит нашим)|этим я помочь не могу|ответить я не могу",
            "(?:违反|違反|不符合)(?:了)?(?:我们|我們|我)的?[^。\\n]{0,8}(?:政策|规定|規定|准则|準則|原则|原則)|不方便(?:回答|透露|提供)|必须拒绝|必須拒絕|我拒绝|我拒絕|帮不了|幫不了",
            "(?:私の|当社の|利用)(?:ガイドライン|ポリシー|規約|方針)[^。\\n]{0,8}(?:反し|違反)|お力になれません|話せません|教えられません|(?:お話し|開示|公開)[^。\\n]{0,10}(?:できません|できかね)",
            "(?:제|저희)[^.\\n]{0,8}(?:정책|가이드라인|지침|원칙)[^.\\n]{0,6}(?:위배|위반|어긋)",
            "مخالف لسياسات|يخالف سياسات|يتعارض مع (?:سياسات|ارشادات|إرشادات|مبادئ)|لا يسعني|لا (?:اقدم|أقدم) معلومات",
            "(?:दिशानिर्देशों|नीतियों|नियमों) के (?:विरुद्ध|खिलाफ)",
        ),
    ),
)
"""A reference to rules of one's own, or the verb itself."""
_WILL_NOT: Final = (
    r"\b(?:i'd|i would) (?:rather|prefer) not (?:to )?(?:go into|answer|discuss|help|write|share|talk|say|do|provide|explain|describe)\b|\bsomething i (?:stay away from|don't do|do not do|won't do)\b",
    r"\b(?:unterstutze|gebe|leiste|verrate|teile) ich (?:[a-z]+ ){0,2}?(?:nicht|niemand[a-z]*|kein[a-z]*)\b",
    r"\bje (?:prefere|choisis de) ne pas (?:repondre|aider|en parler|ecrire|aborder)\b|\bje ne (?:ferai|ecrirai|repondrai|donnerai|fournirai|redigerai|partagerai|vous aiderai|t'aiderai) pas\b",
    r"\bno (?:te |le |lo |les )?(?:escribire|ayudare|respondere|dare|proporcionare|hare|redactare|compartire|participare)\b",
    r"\bnon (?:ti |vi |lo |la )?(?:scrivero|aiutero|rispondero|daro|forniro|faro|creero|partecipero|produrro)\b|\bnon mi e (?:consentito|permesso)\b",
    r"\bnao (?:o |a |te |lhe )?(?:escreverei|ajudarei|responderei|darei|fornecerei|farei|criarei|participarei)\b|\bnao (?:me e permitido|estou autorizad[oa])\b",
    r"\b(?:werk|doe|help) ik (?:[a-z]+ ){0,2}?niet (?:aan )?mee\b|\b(?:help|schrijf|geef|deel|maak) ik (?:[a-z]+ ){0,2}?niet\b",
    r"\bnie (?:pomoge|napisze|odpowiem|udziele|podam|stworze|zrobie|przygotuje)\b",
    r"\b(?:yaz|yap|paylas|cevapla|yanitla|olustur|acikla|katil)mayacagim\b|\b(?:ver|et)meyecegim\b",
    r"\bnon (?:che |te |o )?(?:axudarei|escribirei|responderei|farei)\b|\bno (?:t'|us |ho )?(?:ajudare|escriure aixo|respondre a aixo|fare)\b",
    *map(
        plain,
        (
            "я не (?:помогу|напишу|отвечу|расскажу|сделаю|поделюсь)|воздержусь от|противоречит (?:правилам|политике)",
            "(?:没法|沒法|没办法|沒辦法)(?:满足|滿足|帮|幫|提供|回答|写|寫|做|协助)|我是不会",
            "(?:引き受けられ|書け|作れ|お引き受けでき|お教えでき|手伝え)ません",
            "मैं [^।\\n]*नहीं (?:लिखूं|लिखूँ|दूं|दूँ|करूं|करूँ|बताऊं|बताऊँ|बनाऊं|बनाऊँ)",
            "(?:أرفض|ارفض) (?:المساعدة|تقديم|كتابة|الإجابة)|لن (?:أساعد|اساعد|أكتب|اكتب|أقدم|اقدم|أجيب|اجيب)",
        ),
    ),
)
"""A no in the future, or as a preference."""
_MORE_TASKS: Final = (
    r"\b(?:ich|wir) (?:kann|darf|konnen|durfen|werde|mochte|bin nicht in der lage|bin nicht befugt)\b[^.\n]*\b(?:kein[a-z]*|nicht|weder)\b[^.\n]*\b(?:verfassen|entwickeln|entwerfen|fordern|teilnehmen|mitwirken|beteiligen|befurworten|beraten|durchfuhren|ausfuhren|generieren|produzieren|verbreiten|diskutieren|fortfahren|fortsetzen|beitragen|vorschlagen|dulden|billigen|ermutigen|anleiten|liefern|erteilen|vermitteln|gutheissen|entsprechen|eingehen|planen|organisieren|formulieren|anfertigen|herstellen|begunstigen|zusammenstellen|ausarbeiten|gestalten|umsetzen|erzeugen|erklaren|beschreiben|ubersetzen|akzeptieren|tolerieren|legitimieren|rechtfertigen)\b",
    r"\bich bin nicht (?:in der lage|befugt|berechtigt|dazu da|darauf programmiert|bereit)\b|\bes ist mir (?:leider )?nicht (?:moglich|erlaubt|gestattet)\b|\b(?:weigere mich|verweigere)\b",
    r"\b(?:deine[rmns]?|ihre[rmns]?|diese[rmns]?|solche[rmns]?) (?:anfrage|bitte|wunsch|aufforderung|anforderung|aufgabe)[a-z]*\b[^.\n]*\b(?:nicht|ablehnen)\b|\b(?:je|jouw|uw|dit|deze|zulke?) (?:verzoek|vraag|opdracht)\b[^.\n]*\b(?:niet|afwijzen|weigeren)\b",
    r"\bje ne (?:peux|puis|suis|saurais|vais|dois)(?: [a-z'-]+){0,6}? (?:concevoir|elaborer|developper|promouvoir|recommander|conseiller|expliquer|continuer|accepter|cautionner|contribuer|soutenir|encourager|produire|executer|realiser|discuter|traduire|dire)\b",
    r"\bno (?:puedo|podemos|debo|estoy en condiciones de)(?: [a-z'-]+){0,4}? (?:apoyar|fomentar|alentar|disenar|desarrollar|elaborar|producir|aconsejar|sugerir|colaborar|contribuir|involucrarme|explicar|respaldar|aprobar|tolerar|incitar|publicar)[a-z]*",
    r"\bnon (?:posso|possiamo|devo|sono in grado di)(?: [a-z'-]+){0,4}? (?:incoraggiar|progettar|sviluppar|elaborar|produrr|suggerir|collaborar|contribuir|approvar|tollerar|spiegar|continuar|partecipar|supportar|appoggiar)[a-z]*",
    r"\bnao (?:posso|podemos|devo|consigo)(?: [a-z'-]+){0,4}? (?:incentivar|encorajar|projetar|desenvolver|elaborar|produzir|aconselhar|sugerir|colaborar|contribuir|apoiar|aprovar|tolerar|explicar|continuar)[a-z]*",
    r"\bik (?:kan|mag|zal|wil|ben niet in staat)\b[^.\n]*\b(?:niet|geen)\b[^.\n]*\b(?:ondersteunen|bijdragen|meewerken|steunen|aanmoedigen|promoten|verlenen|voorzien|ingaan|produceren|genereren|opstellen|adviseren|uitvoeren|goedkeuren|ontwikkelen|ontwerpen|creeren|deelnemen|aanbevelen|bevorderen|doorgaan|bespreken|uitleggen|vertalen|aanbieden|tolereren|inwilligen|vervullen|honoreren|tegemoetkomen|begeleiden|verspreiden|samenstellen|bedenken|plannen|organiseren|aannemen|accepteren|goedpraten|rechtvaardigen|vertellen|voldoen|faciliteren|doen)\b",
    r"\b(?:ik ben niet (?:in staat|bevoegd|bereid)|het is mij niet (?:toegestaan|mogelijk)|ik weiger|daar kan ik niet)\b",
    r"\bnie (?:moge|mozemy|jestem w stanie|bede|powinienem)(?: [a-z]+){0,4}? (?:zapewnic|kontynuowac|wspierac|wspomoc|wspomagac|doradzac|doradzic|promowac|zachecac|wziac|brac|uczestniczyc|oferowac|zaoferowac|opracowac|zaprojektowac|przygotowac|generowac|wygenerowac|tworzyc|pisac|odpowiadac|udzielac|podawac|dostarczac|udostepniac|angazowac|popierac|zalecac|polecac|przedstawic|opisac|wyjasnic|zrealizowac|realizowac|wykonac|zrobic|robic|pomagac|przetlumaczyc|wspolpracowac|rozmawiac)\b",
    r"\b(?:destekleyemem|tesvik edemem|oneremem|yazamam|olusturamam|hazirlayamam|tasarlayamam|saglayamam|sunamam|paylasamam|cevaplayamam|aciklayamam|ceviremem|katilamam|devam edemem|destek olamam|yardimci olmam mumkun degil)\b",
    *map(
        plain,
        (
            "(?:не могу|не можем|не буду|не стану|не в состоянии)(?: [^ .,\\n]+){0,4}? (?:поощрять|поддержать|поддерживать|способствовать|разрабатывать|разработать|составить|составлять|придумать|сочинить|советовать|посоветовать|рекомендовать|одобрять|продолжать|продолжить|содействовать|помогать|участвовать|говорить|переводить|предложить|предлагать|описать|описывать|генерировать|сделать|это)",
            "(?:لا (?:استطيع|أستطيع|يمكنني|يمكننا|نستطيع)|لن (?:استطيع|أستطيع|اتمكن|أتمكن|يمكنني)|لست قادرا)[^.،\\n]{0,24}(?:توليد|صياغة|تأليف|تصميم|التحدث|تطوير|اقتراح|الترويج|تشجيع|التشجيع|اعداد|إعداد|انتاج|إنتاج|توجيه|المساهمة|الدعم|تزويد|متابعة|المتابعة|مواصلة|اقدم|أقدم|اساعد|أساعد|مساعدة|خلق|وضع|اجراء|إجراء|القيام|الانخراط|قبول)",
            "(?:मदद|सहायता|समर्थन|प्रोत्साहित|चर्चा|अनुरोध)[^।\\n]*(?:नहीं (?:कर सक|दे सक|कर पा|करता|करती|करेंगे|कर रह)|असमर्थ)|नहीं दे सक",
            "(?:答え|応じ|応え|助け|手助け|手伝|書[いくけ]|作る|作成|教え|話す|述べ|示す|勧め|従う|協力|支援|提案|奨励|促進|参加|関与|共有|提供|生成|説明|広め|助長|計画|企画|提示|指示|考案|執筆|制作|投稿|翻訳|宣伝|推進|容認|同意|賛同|加担)[^。、\\n]{0,6}(?:こと(?:は|が|も)?)?(?:でき|出来)(?:ません|ない|かね)",
            "(?:答えられ|応じられ|応えられ|助けられ|書け|作れ|教えられ|話せ|手伝え|従え|お応じでき|支援でき|協力でき|受け入れられ|引き受けられ)(?:ません|ない)",
            "^[^.،\\n]{0,40}(?:[.،] ?(?:لكن |ولكن )?)?(?:لا (?:يمكنني|أستطيع|استطيع)|لن (?:أتمكن|اتمكن|أستطيع|استطيع))",
            "(?:私|ai|アシスタント|言語モデル)[^。\\n]*(?:できません|できかね|いたしません|つもりはありません|わけにはいきません)",
            "(?:そのような|このような|その|この|違法な|有害な)(?:要求|要望|依頼|内容|行為|コンテンツ|情報|リクエスト|質問|記事|計画|活動|目的)[^。\\n]*(?:できません|できかね|いたしません|しません|お断り|つもりはありません)",
            "(?:支持|容認|賛同|奨励|促進|賛成)[^。\\n]{0,8}(?:しません|いたしません|できません)",
            "(?:要求|要望|依頼|リクエスト|質問)(?:に|には|は)(?:[^。\\n]{0,8})(?:応じ|応え|答え|対応|受け)[^。\\n]{0,8}(?:ません|ない)",
        ),
    ),
)
"""More verbs of what a model is asked for."""
FURTHER: Final[tuple[str, ...]] = (
    *_RULES,
    *_WILL_NOT,
    *_MORE_TASKS,
    *_LATIN,
    *map(plain, _SCRIPTS),
    *map(plain, _BROAD_SCRIPTS),
)

_WRONG: Final = r"(?:illegal|unethical|not ethical|not legal|immoral|unlawful|against the law|wrong|harmful|dangerous|not acceptable|unacceptable|inappropriate|serious (?:legal )?consequences|not right|a crime|a serious|violat[a-z]+)"
SOFT: Final[tuple[str, ...]] = (
    rf"\bi(?:'d| would)? (?:must|have to|need to|should|gotta|do)? ?(?:emphasi[sz]e|stress|remind|inform|clarify|point out|advise|urge|encourage|caution|note|say)\b[^.\n]*\b{_WRONG}",
    r"\b(?:i|we|[a-z]+) (?:really |strongly )?(?:don't|do not|cannot|can't|can not|would not|wouldn't|won't|will not|does not|doesn't|not something i would) (?:condone|support|endorse|promote|encourage|recommend|advise|advocate)",
    r"\b(?:is|are|be|being) (?:both |considered |highly |strictly |extremely |completely |generally )?(?:illegal|unethical|immoral|morally wrong|against the law|inappropriate|dangerous)(?:,? (?:and|or|but also)(?: [a-z]+)?)? (?:illegal|unethical|immoral|dangerous|harmful|goes|wrong|can|could|may|against|disrespectful|irresponsible|inappropriate)",
    r"\b(?:strongly )?(?:advise|recommend|urge|discourage|caution)(?: you)?(?: strongly)? (?:against|not to|anyone|engaging)",
    r"\b(?:it's|it is) (?:always )?(?:also )?(?:important|crucial|essential|vital|best|better) (?:for (?:us|me|you) )?to (?:always )?(?:remember|respect|prioriti[sz]e|treat|follow|promote|approach|obey|note|abide|adhere|consider|understand|uphold|seek|focus)",
    r"\b(?:sorry|apologi[sz]e|afraid)\b[^.\n]*\b(?:is|are|not|would be) (?:illegal|unethical|not|wrong|harmful|against|inappropriate|appropriate|ethical|possible)",
    r"\bis (?:not|never) (?:something (?:that )?i|an? (?:acceptable|appropriate|ethical|good)|acceptable|appropriate|ethical|a good idea|recommended)",
)
REFUSES_SOFTLY: Final[tuple[str, ...]] = (
    r"\b(?:i|we)(?:'m| am| do| will| would| can| must)? ?(?:really |strictly |certainly |definitely |strongly |personally )?(?:not|cannot|can't|don't|won't|wouldn't|never|refuse|decline)\b[^.\n]*\b(?:condone|endorse|support|encourage|promote|participate|engage|part (?:of|in)|help|assist|comfortable|suggest|recommend|advocate|approve|discuss|go there)\b",
    r"\b(?:is|are|'s) (?:against|beyond|not within|outside) (?:my|our|what i|the scope of my)\b|\b(?:not|isn't) something (?:i|that i)\b|\bunethical of me\b|\bi am not (?:permitted|allowed)\b",
    r"^\W*no[.,!] (?:i|absolutely|that|[a-z]+ing)\b|\b(?:strictly )?against (?:my|our|openai's) (?:[a-z]+ ){0,2}(?:polic[a-z]+|guidelines|programming|principles)\b|\bpolicies strictly prohibit\b",
    r"\b(?:is|are|be|being|considered|was|both) (?:[a-z]+ ){0,2}?(?:illegal|unethical|immoral|unlawful|wrong|unacceptable|against the law|a (?:serious )?crime|not (?:only )?(?:legal|ethical|acceptable|right|okay))\b|\bstrongly (?:advise|urge|discourage|recommend|condemn)(?: you)? (?:against|not to|anyone|any|engaging|such)\b|\b(?:illegal|unethical)(?: and [a-z]+)? (?:activity|act|behavior|request)\b",
)
"""With the model's word that an answer admonishes, these make it a no: a denial, or that what was asked is wrong."""
ADMONISHES: Final[tuple[str, ...]] = (
    r"\b(?:harm[a-z]*|hurt[a-z]*|illegal[a-z]*|unlawful|unethical|ethical|ethic[a-z]*|legal|crim[a-z]*|moral[a-z]*|consequences|violence|violent|privacy|respect[a-z]*|disrespect[a-z]*|inappropriate|honest[a-z]*|revenge|(?:never|not) (?:the|a|an)(?: [a-z]+)? (?:solution|way|answer|option|joke))\b",
)
"""Without any of these an answer may remind, but does not admonish."""
HELPS: Final[tuple[str, ...]] = (
    r"^\W*(?:[a-z0-9' ]{1,24}[\]:)]+\W*)?(?:sure|certainly|of course|absolutely|yes|definitely|alright|great|here(?:'s| is| are)|1[.)]|first(?:ly)?,|step 1|there are (?:several|many|some|a few|various|different|a number))\b",
    r"^\W*no, (?:it|this|you|the|there|they) (?:is|isn't|are|was|would|cannot|can't|should)\b",
    r"\b(?:you should definitely|i can (?:certainly |definitely )?(?:help|provide|give|assist|offer|tell|share)|here are (?:some|a few|several)|one way (?:to|is)|several (?:steps|ways|options|things|tips)|you can follow these|follow these steps)\b",
)
"""An answer that begins so does what was asked, whatever it adds."""
