"""The same three demands in further languages: ignore your instructions, reveal your prompt, drop your limits.

A small grammar for each: verbs of disregarding, words for which instructions, words for instructions; verbs of showing,
names of the prompt. Word order differs (Turkish, Hindi, Korean and Japanese put the verb last), so each order is
matched. Written with accents; ``plain`` strips them from the pattern as it does from the text.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line, and other scripts have letters that look like ours

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

_GAP: Final = r"[^.!?\n]"


_Demand = tuple[float, tuple[str, ...], str]
"""Weight, signs and pattern."""


class _Language(NamedTuple):
    """Alternatives for each slot; an empty slot has no pattern.

    Attributes:
        drops: verbs of disregarding.
        which: previous, all, your: words that specify which instructions.
        things: words for instructions.
        yours: words for instructions that by themselves refer to the model's.
        leaks: verbs and questions that ask to be shown something.
        secrets: names of the system prompt.
        free: statements that there are no limits (any more).
    """

    drops: str
    which: str
    things: str
    yours: str
    leaks: str
    secrets: str
    free: str


_ARABIC: Final = _Language(
    "تجاهل|تتجاهل|انس|انسى|تخطى|تجاوز|ألغ|لا تتبع|تغاضى|تناسى",
    "سابق|أعلاه|جميع|كل|كافة|أصلي|قبل",
    "تعليمات|قواعد|أوامر|توجيهات|قيود|إرشادات|ضوابط",
    "تعليماتك|قواعدك|قيودك|إرشاداتك|برمجتك",
    "اكشف|أظهر|اعرض|اطبع|أخبرني|كرر|أعطني|اكتب|أرني|ما هي|ما هو|سرب",
    "موجه النظام|تعليمات النظام|مطالبة النظام|برومبت|تعليماتك|التعليمات (?:الأولية|السرية|المخفية|الأصلية)|موجهك",
    "(?:أنت|الآن|أجب|رد)[^.!?\\n]{0,24}?(?:بدون|دون|بلا) (?:أي |أية )?(?:قيود|قيد|فلاتر|رقابة|حدود|ضوابط)",
)
_PERSIAN: Final = _Language(
    "نادیده بگیر|فراموش کن|کنار بگذار|رعایت نکن|بی خیال",
    "قبلی|پیشین|بالا|تمام|همه|خود|اولیه",
    "دستور|قوانین|قواعد|راهنما|محدودیت|فرمان",
    "دستوراتت|قوانینت",
    "نشان بده|فاش کن|بگو|چاپ کن|تکرار کن|نمایش بده|بنویس|چیست|افشا کن",
    "پرامپت (?:سیستم|اولیه|مخفی)|دستورات سیستم|دستورالعمل های اولیه|دستورات (?:اولیه|مخفی|پنهان)",
    "(?:بدون|بی) (?:هیچ )?(?:فیلتر|محدودیت|سانسور|قانون)[^.!?\\n]{0,24}?(?:جواب|پاسخ|عمل)",
)
_HEBREW: Final = _Language(
    "התעלם|התעלמי|תתעלם|שכח|שכחי|תשכח|בטל|עקוף",
    "הקודמ|כל|שלך|למעלה|הראשונ|המקורי",
    "הוראות|הנחיות|כללים|פקודות|חוקים|מגבלות",
    "",
    "הצג|חשוף|הראה|תראה|הדפס|גלה|תגיד|חזור על|מה|כתוב|ספר",
    "(?:הנחיית|הנחיות|הוראות|פרומפט) המערכת|הפרומפט (?:שלך|המלא)|ההוראות שלך|ההנחיות שלך|ההוראות (?:הראשוניות|הנסתרות|הסודיות)",
    "(?:אתה|עכשיו|ענה)[^.!?\\n]{0,24}?(?:ללא|בלי) (?:שום )?(?:מגבלות|הגבלות|חוקים|סינון|צנזורה)",
)
_HINDI: Final = _Language(
    "(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|नज़रंदाज़|दरकिनार|उपेक्षा) (?:कर|की)|भूल जा|मत मान",
    "पिछल|सभी|अपने|ऊपर|पहले|सारे|तमाम|सुरक्षा",
    "निर्देश|नियम|आदेश|प्रतिबंध|फ़िल्टर|फिल्टर|हिदायत",
    "",
    "दिखा|बता|प्रकट|प्रदर्शित|दोहरा|लिख|उजागर|क्या है",
    "सिस्टम (?:प्रॉम्प्ट|प्रोम्प्ट|प्रॉम्ट|निर्देश)|छिपे (?:हुए )?निर्देश|(?:प्रारंभिक|शुरुआती|मूल|गुप्त) निर्देश|अपने निर्देश|आपके निर्देश",
    "बिना किसी (?:प्रतिबंध|फ़िल्टर|फिल्टर|रोक|सेंसर|सीमा)[^.!?\\n]{0,12}?(?:जवाब|उत्तर)|(?:सुरक्षा|सभी)[^.!?\\n]{0,12}?(?:फ़िल्टर|फिल्टर|प्रतिबंध)[^.!?\\n]{0,8}?हटा",
)
_TURKISH: Final = _Language(
    r"\b(?:yok say|görmezden gel|göz ardı et|unut(?:un|unuz)?\b|dikkate alma|iptal et|devre dışı bırak|bir kenara bırak)",
    r"\b(?:önceki|tüm|bütün|yukarıdaki|kendi|sistem|güvenlik|şimdiye kadar|daha önce)",
    r"\b(?:talimat|kural|komut|yönerge|direktif|kısıtlama|yönlendirme)",
    r"\b(?:talimatların|kuralların|kısıtlamaların|yönergelerin)",
    r"\b(?:göster|açıkla|yaz|söyle|ifşa et|paylaş|tekrarla|nedir|ver\b|listele)",
    r"\b(?:sistem|gizli|başlangıç|orijinal) (?:prompt|istem|talimat)",
    r"\bartık (?:hiçbir )?(?:kısıtlama|sınır|filtre|kural)[a-z]*n yok|\b(?:kısıtlama|sınır|filtre|kural|sansür)[a-z]* olmadan[^.!?\n]{0,16}?(?:cevap|yanıt)",
)
_KOREAN: Final = _Language(
    "무시(?:하고|해|하세요|하십시오|하라|하여)|잊(?:어|으|고|은)|따르지 ?마",
    "이전|위의|앞의|모든|지금까지|기존|너의|당신의|전부",
    "지시|명령|지침|프롬프트|규칙|제한",
    "(?:규칙|지침|지시|명령)(?:사항)?(?:을|를|은|는)",
    "공개|보여|알려|출력|말해|반복|드러내|무엇|뭐|적어",
    "시스템 ?(?:프롬프트|지침|지시)|(?:초기|숨겨진|원래|비밀|내부) ?(?:지시|지침|프롬프트|명령)",
    "(?:당신은|너는|넌|이제부터 너|대답|답변)[^.!?\\n]{0,20}?(?:제한|제약|필터|검열)(?:이|은|도|가|는)? ?(?:없|해제)|이제(?:부터)? (?:아무런 |아무 )?(?:제한|제약)이 없",
)
_JAPANESE: Final = _Language(
    "無視し|無視せ|忘れ(?:て|ろ|なさい)|破棄し|無効に|従わないで",
    "これまで|以前|上記|前|すべて|全て|全部|今まで|先ほど|あなたの|元の",
    "指示|命令|指令|プロンプト|ルール|制約|規則|ガイドライン",
    "(?:指示|命令|ルール|規則|制約|ガイドライン)(?:を|は)",
    "教え|表示|見せ|出力|開示|明か|明らか|公開|繰り返|書き出|書いて|何",
    "(?:システム|初期|隠された|元の|秘密の|内部)の?(?:プロンプト|指示|命令)",
    "(?:あなた|君|お前)[^。！？\\n]{0,14}?制限(?:が|は|も)?(?:ありません|ない|なし|一切)|(?:セキュリティ|安全|コンテンツ)(?:プロトコル|フィルタ|フィルター|ガイドライン|制限)[^。！？\\n]{0,12}?(?:無効|解除|オフ)",
)
_CHINESE: Final = _Language(
    "忽略|无视|無視|忽視|忘记(?:你|所有|之前|以上|上面|前面|一切|全部)|忘掉|忘記(?:你|所有|之前|以上|上面|前面|一切|全部)|不要理会|抛开|不必遵守|不用遵守|绕过|繞過",
    "之前|以上|上面|先前|所有|前面|此前|一切|你|全部|原来|原有",
    "指令|指示|提示|规则|規則|说明|說明|要求|命令|设定|設定|限制|约束",
    "",
    "显示|顯示|告诉|告訴|输出|輸出|透露|泄露|重复|重複|打印|公开|列出|复述|說出|说出|是什么|是什麼|给我",
    "你的?(?:系统|系統|完整)的?(?:提示|指令|消息|訊息|设定|設定)|系统提示词|系統提示詞|(?:初始|原始|隐藏|隱藏|内部|最初)的?(?:指令|提示词|提示詞|设定|設定)|你的(?:指令|提示词|提示詞)",
    "(?:你|AI|模型|助手)[^。！？\\n]{0,14}?(?:移除|解除|取消|关闭|關閉|去除|禁用)[^。！？\\n]{0,4}?(?:所有|一切|你的|全部|任何)[^。！？\\n]{0,4}?(?:限制|约束|过滤|過濾|审查|審查)|(?:你现在是|你現在是|扮演|假装)[^。！？\\n]{0,16}?(?:没有|不受|無|沒有)[^。！？\\n]{0,6}?(?:限制|约束|約束|规则|道德)",
)
_THAI: Final = _Language(
    "เพิกเฉย|ละเว้น|ไม่ต้องสนใจ|ลืม|มองข้าม|อย่าสนใจ",
    "ก่อนหน้า|ทั้งหมด|ข้างต้น|ของคุณ|เดิม|ที่ผ่านมา",
    "คำสั่ง|คำแนะนำ|กฎ|ข้อกำหนด|ข้อจำกัด",
    "",
    "แสดง|เปิดเผย|บอก|พิมพ์|ทวน|ทำซ้ำ|เขียน",
    "(?:พรอมต์|พรอมท์|พร้อมท์|คำสั่ง)(?:ของ)?(?:ระบบ|เริ่มต้น|ลับ|ที่ซ่อน)",
    "คุณ[^.!?\\n]{0,16}?(?:ไม่มี|ปราศจาก)(?:ข้อจำกัด|กฎ|การกรอง)|ตอบ[^.!?\\n]{0,24}?โดยไม่มี(?:ข้อจำกัด|กฎ|การกรอง|การเซ็นเซอร์)",
)
_RUSSIAN: Final = _Language(
    "игнорируй|игнорировать|забудь|отбрось|не обращай внимания на|не следуй|обойди|отмени|пренебрегай|не соблюдай|не учитывай",
    "предыдущ|прошл|вышеуказанн|прежн|сво[ией]|ваш|тво|все|всё|изначальн",
    "инструкц|указани|команд|правил|ограничени|директив|предписани",
    "",
    "покажи|раскрой|выведи|назови|повтори|сообщи|скажи|напиши|перечисли|распечатай|как(?:ой|ие|ов)",
    "системн[^ ]* (?:промпт|инструкц|подсказк)|(?:начальн|скрыт|исходн|внутренн)[^ ]* (?:промпт|инструкц|подсказк)|(?:свой|твой|ваш) (?:системный )?промпт|свои инструкц|твои инструкц",
    "(?:отвечай|отвечайте|у тебя|ты теперь|ты больше|действуй)[^.!?\\n]{0,24}?(?:без|нет|не имеешь|никаких) (?:каких-либо |всяких |никаких |больше )?(?:ограничен|фильтр|цензур|правил)",
)
_UKRAINIAN: Final = _Language(
    "ігноруй|ігноруйте|забудь|відкинь|не зважай на|обійди|знехтуй",
    "попередн|усі|всі|свої|твої|вищезазначен|ваші",
    "інструкц|вказівк|правил|команд|обмежен|настанов",
    "",
    "покажи|розкрий|виведи|повтори|назви|скажи|напиши|який|які",
    "системн[^ ]* (?:промпт|інструкц|підказк)|(?:прихован|початков)[^ ]* (?:інструкц|промпт|вказівк)|(?:свій|твій) (?:системний )?промпт",
    "(?:відповідай|у тебе|ти тепер|ти більше)[^.!?\\n]{0,24}?(?:без|немає|не маєш) (?:жодних |будь-яких )?(?:обмежен|фільтр|цензур|правил)",
)
_BULGARIAN_SERBIAN: Final = _Language(
    "игнорирай|игнориши|забрави|заборави|пренебрегни|занемари|не обръщай внимание",
    "предишн|претходн|всички|сва|своите|твоите|горните|ваши",
    "инструкци|указани|правила|команди|упутств|ограничени",
    "",
    "покажи|разкрий|изведи|повтори|кажи|прикажи|откриј|испиши",
    "системн[^ ]* (?:промпт|инструкци|подкан)|системск[^ ]* (?:промпт|упутств)|скрит[^ ]* инструкци|скривен[^ ]* упутств",
    "",
)
_GREEK: Final = _Language(
    "αγνόησε|αγνοήστε|αγνόησέ|ξέχνα|ξέχασε|ξεχάστε|παράβλεψε|παραβλέψτε|παράκαμψε",
    "προηγούμεν|όλες|όλους|όλα|παραπάνω|αρχικ",
    "οδηγί|εντολ|κανόν|περιορισμ",
    "(?:οδηγίες|εντολές|κανόνες) (?:σου|σας)",
    "δείξε|αποκάλυψε|εμφάνισε|εκτύπωσε|πες|επανάλαβε|ποιες|ποιο|γράψε",
    "(?:προτροπή|οδηγίες) (?:του )?συστήματος|(?:αρχικ|κρυφ)[^ ]* (?:οδηγ|προτροπ|εντολ)|(?:οδηγίες|εντολές) σου",
    "",
)
_POLISH: Final = _Language(
    r"\b(?:zignoruj|ignoruj|zapomnij|pomiń|odrzuć|obejdź|zlekceważ|nie stosuj)",
    r"\b(?:poprzedn|wcześniejsz|powyższ|wszystk|swo[ij]|two[ij]|dotychczasow)",
    r"\b(?:instrukcj|poleceni|poleceń|zasad|reguł|wytyczn|nakaz|ograniczeń|ograniczeni)",
    "",
    r"\b(?:pokaż|ujawnij|wyświetl|wypisz|podaj|powtórz|zdradź|wydrukuj|jak(?:i|ie|a) (?:jest|są|był))",
    r"\bprompt(?:u|y)? systemow|\bsystemow[a-z]* (?:prompt|instrukcj)|\b(?:ukryt|początkow|pierwotn)[a-z]* (?:instrukcj|prompt|poleceni)|\b(?:swoje|twoje) instrukcj|\b(?:swój|twój) prompt",
    r"\b(?:odpowiadaj|nie masz|jesteś teraz|działaj)[^.!?\n]{0,30}?\b(?:bez|żadnych) (?:żadnych )?(?:ograniczeń|filtrów|zasad|cenzury)",
)
_CZECH_SLOVAK: Final = _Language(
    r"\b(?:ignoruj|zapomeň|zabudni|přeskoč|obejdi|neřiď se|pomiň|přehlížej)",
    r"\b(?:předchozí|predchádzaj|předešl|všech|všetk|své|svoje|tvé|tvoje|výše|vyššie)",
    r"\b(?:instrukc|inštrukc|pokyn|pravid|příkaz|príkaz|omezení|obmedzen)",
    "",
    r"\b(?:ukaž|zobraz|vypiš|vypíš|prozraď|prezraď|odhal|zopakuj|vytiskni|řekni|povedz|napiš)",
    r"\bsystémov[a-z]* (?:prompt|instrukc|inštrukc|pokyn)|\b(?:skryt|původní|pôvodn|počáteční)[a-z]* (?:prompt|instrukc|inštrukc|pokyn)|\b(?:svůj|tvůj|svoj|tvoj) (?:systémový )?prompt",
    r"\b(?:odpovídej|odpovedaj|nemáš|jsi (?:teď|nyní)|si teraz)[^.!?\n]{0,30}?\b(?:bez|žádná|žiadne) (?:jakýchkoli |akýchkoľvek |žádných )?(?:omezení|obmedzen|filtr|cenzur|pravid)",
)
_ROMANIAN: Final = _Language(
    r"\b(?:ignoră|ignorați|ignora|uită|nu (?:mai )?respecta|neglijează|omite|treci peste|anulează)",
    r"\b(?:anterioare|precedente|de mai sus|toate|tale|inițiale|de sistem|predefinite|dinainte)",
    r"\b(?:instrucțiun|regul|indicați|restricți|comenz)",
    "",
    r"\b(?:arată|afișează|dezvăluie|spune|repetă|tipărește|scrie|care (?:este|sunt))",
    r"\bprompt(?:ul)? (?:de|al|tău|inițial|sistemului|ascuns)|\binstrucțiunile (?:tale|inițiale|ascunse|de sistem|sistemului)",
    r"\b(?:răspunde|ești acum|nu mai ai)[^.!?\n]{0,30}?\b(?:fără|nicio|nici o|niciun fel de) (?:nicio |niciun fel de )?(?:restricți|filtr|limit|cenzur|regul)",
)
_SERBO_CROATIAN_SLOVENE: Final = _Language(
    r"\b(?:ignoriši|ignoriraj|zanemari|zaboravi|zaobiđi|preskoči|pozabi|prezri)",
    r"\b(?:prethodn|ranij|sve\b|sva\b|svoj|tvoj|prejšnj|vsa\b|gornj)",
    r"\b(?:uputstv|uput|instrukcij|naredb|pravil|navodil|ograničenj)",
    "",
    r"\b(?:prikaži|pokaži|otkrij|ispiši|ponovi|reci|izpiši|razkrij|napiši)",
    r"\b(?:sistemsk|sustavsk)[a-z]* (?:prompt|uputstv|navodil)|\b(?:skriven|početn|skrit)[a-z]* (?:prompt|uputstv|uput|instrukcij|navodil)|\b(?:svoj|tvoj) (?:sistemski )?prompt",
    r"\b(?:odgovaraj|nemaš|sada si|ti si sada)[^.!?\n]{0,30}?\b(?:bez|nikakva|nikakvih) (?:ikakvih )?(?:ograničenj|filter|pravil|cenzur)",
)
_HUNGARIAN: Final = _Language(
    r"\b(?:hagyd figyelmen kívül|felejtsd el|mellőzd|ne vedd figyelembe|hagyja figyelmen kívül)",
    r"\b(?:korábbi|előző|összes|minden|fenti|eddigi)",
    r"\b(?:utasítás|szabály|instrukció|parancs|korlátozás|irányelv)",
    r"\b(?:utasításaidat|szabályaidat)",
    r"\b(?:mutasd|fedd fel|írd|ismételd|mondd|listázd|mi a|add meg)",
    r"\b(?:rendszerprompt|rendszerutasítás|rejtett utasítás|eredeti utasítás|kezdeti utasítás)",
    r"\bválaszolj[^.!?\n]{0,30}?\b(?:korlátozás|szűrő|szabály|cenzúra)[a-z]* nélkül",
)
_NORDIC: Final = _Language(
    r"\b(?:ignorer|glöm|glem|bortse från|strunta i|se bort fra|åsidosätt|förbise|tilsidesæt|ohita|unohda|jätä huomiotta)",
    r"\b(?:tidigare|föregående|tidligere|foregående|forrige|ovanstående|alla|alle|dina|dine|kaikki|aiemmat|edelliset)",
    r"\b(?:instruktion|instruks|anvisning|regler|regl|riktlinj|retningslinj|kommando|ohje|sään)",
    "",
    r"\b(?:visa|vis\b|avslöja|avslør|afslør|skriv|upprepa|gjenta|gentag|berätta|fortell|fortæl|näytä|paljasta|kerro|toista)",
    r"\bsystem(?:prompt|instruktion|instruks)|\b(?:dolda|hemliga|skjulte|hemmelige|ursprungliga) instruk|\bjärjestelmäkehote",
    r"\b(?:svara|svar|du (?:har|är|er))[^.!?\n]{0,24}?\b(?:utan|uten|uden|inga|ingen) (?:några |noen |nogen )?(?:begräns|begrens|begræns|filter|regler|restriktion|censur|sensur)",
)
_INDONESIAN_MALAY: Final = _Language(
    r"\b(?:abaikan|lupakan|kesampingkan|langgar|jangan ikuti|hiraukan)",
    r"\b(?:sebelum|di atas|semua|kamu|anda|terdahulu|awal)",
    r"\b(?:instruksi|perintah|aturan|arahan|petunjuk|pedoman|peraturan|batasan)",
    r"\b(?:instruksimu|aturanmu|batasanmu)",
    r"\b(?:tampilkan|tunjukkan|ungkapkan|bocorkan|cetak|ulangi|beritahu|sebutkan|dedahkan|tulis)",
    r"\b(?:prompt|instruksi|arahan) (?:sistem|awal|tersembunyi|rahasia)|\bsystem prompt(?:mu| anda| kamu)",
    r"\b(?:jawab|kamu sekarang|anda sekarang)[^.!?\n]{0,24}?\b(?:tanpa|tidak (?:memiliki|punya|ada)) (?:ada )?(?:batasan|filter|aturan|sensor|sekatan)",
)
_VIETNAMESE: Final = _Language(
    r"\b(?:bỏ qua|quên|phớt lờ|lờ đi|không tuân theo|hủy bỏ)",
    r"\b(?:trước|ở trên|bên trên|tất cả|mọi|của bạn)",
    r"\b(?:hướng dẫn|chỉ dẫn|chỉ thị|mệnh lệnh|quy tắc|chỉ lệnh|hạn chế|giới hạn)",
    "",
    r"\b(?:hiển thị|tiết lộ|cho (?:tôi|tao) (?:biết|xem)|in ra|lặp lại|nói|viết)",
    r"\b(?:lời nhắc|prompt|hướng dẫn|chỉ dẫn|câu lệnh) (?:hệ thống|ban đầu|gốc|ẩn|bí mật)",
    r"\b(?:trả lời|bạn (?:bây giờ|giờ đây|từ giờ))[^.!?\n]{0,20}?\bkhông (?:có |còn |bị )?(?:giới hạn|hạn chế|kiểm duyệt)",
)
_SWAHILI: Final = _Language(
    r"\b(?:puuza|sahau|usifuate)",
    r"\b(?:yote|yaliyotangulia|ya awali|yako|zote|za awali|zako)",
    r"\b(?:maagizo|maelekezo|sheria|kanuni|amri)",
    "",
    r"\b(?:onyesha|unionyeshe|nionyeshe|toa|sema|rudia|andika|fichua)",
    r"\b(?:maagizo|maelekezo) ya(?:ko)?(?: ya)? mfumo|\bprompt ya mfumo",
    "",
)
_FILIPINO: Final = _Language(
    r"\b(?:huwag pansinin|balewalain|kalimutan|huwag sundin)",
    r"\b(?:lahat|nauna|iyong|dati|nakaraan)",
    r"\b(?:tagubilin|utos|panuntunan|alituntunin|patakaran)",
    "",
    r"\b(?:ipakita|ilahad|ibunyag|sabihin|ulitin|isulat)",
    r"\b(?:iyong|inyong|ang) (?:system|sistema) prompt|\b(?:nakatagong|orihinal na|unang|lihim na) (?:tagubilin|utos)",
    "",
)
_BENGALI: Final = _Language(
    "উপেক্ষা কর|ভুলে যা|অগ্রাহ্য কর",
    "আগের|সব|সকল|পূর্ববর্তী|তোমার|আপনার|উপরের",
    "নির্দেশ|নিয়ম|আদেশ|বিধিনিষেধ",
    "",
    "দেখাও|দেখান|বলো|বলুন|প্রকাশ কর|লেখো|জানাও",
    "সিস্টেম প্রম্পট|(?:গোপন|প্রাথমিক|মূল|লুকানো) নির্দেশ",
    "",
)
_URDU: Final = _Language(
    "نظر انداز کر|نظرانداز کر|بھول جا",
    "پچھل|تمام|سابقہ|اپن|پہلے",
    "ہدایات|احکامات|قواعد|قوانین|پابندی",
    "",
    "دکھا|بتا|ظاہر کر|لکھ|دہرا",
    "سسٹم پرامپٹ|(?:خفیہ|ابتدائی|اصل) ہدایات",
    "",
)

_LANGUAGES: Final = (
    _ARABIC, _PERSIAN, _HEBREW, _HINDI, _TURKISH, _KOREAN, _JAPANESE, _CHINESE, _THAI, _RUSSIAN, _UKRAINIAN,
    _BULGARIAN_SERBIAN, _GREEK, _POLISH, _CZECH_SLOVAK, _ROMANIAN, _SERBO_CROATIAN_SLOVENE, _HUNGARIAN, _NORDIC,
    _INDONESIAN_MALAY, _VIETNAMESE, _SWAHILI, _FILIPINO, _BENGALI, _URDU,
)  # fmt: skip

_LATIN: Final = tuple(language for language in _LANGUAGES if language.drops.startswith(r"\b"))
_IN_LATIN: Final = _Language(*("|".join(filter(None, words)) for words in zip(*_LATIN, strict=True)))
"""All words of the languages in Latin script: an automaton reads them faster as one sign than as one sign each."""

_WHICH_CHARACTERS_MAX: Final = 24
_THING_CHARACTERS_MAX: Final = 16
_LEAK_CHARACTERS_MAX: Final = 40


def _within(*parts: str, characters_max: int) -> str:
    """One after the other, with a small gap within a sentence."""
    return f"{_GAP}{{0,{characters_max}}}?".join(f"(?:{part})" for part in parts)


def _either_order(*parts: str, characters_max: int) -> str:
    """Two parts in either order."""
    return "|".join(_within(*order, characters_max=characters_max) for order in (parts, parts[::-1]))


def _demands(language: _Language, signs: _Language) -> Iterator[_Demand]:
    """Patterns of one language; signs are words of ``signs``: of this language, and perhaps of others."""
    near, far = _THING_CHARACTERS_MAX, _WHICH_CHARACTERS_MAX
    which_thing = _within(language.which, language.things, characters_max=near)
    thing_which = _within(language.things, language.which, characters_max=near)
    orders = (
        _either_order(language.drops, which_thing, characters_max=far),
        _either_order(language.drops, thing_which, characters_max=near),
    )
    yield 0.8, (signs.drops,), "|".join(orders)
    if language.yours:
        yield 0.6, (signs.drops,), _either_order(language.drops, language.yours, characters_max=near)
    yield 0.7, (signs.secrets,), _either_order(language.leaks, language.secrets, characters_max=_LEAK_CHARACTERS_MAX)
    if language.free:
        yield 0.6, (signs.free,), language.free


FURTHER_NEGATED: Final = (
    r"不要(?:忘|忽略)|别忘|別忘|勿忘|不能忽略|لا تتجاهل|אל ת(?:תעלם|שכח)|อย่า(?:ลืม|เพิกเฉย|ละเว้น)|ไม่ควร(?:ลืม|ละเว้น)"
    r"|(?:не|ні) (?:забуд|забыва|забрав|заборав|игнорир|ігнор|пренебрег|отменя)|μην? (?:ξεχ|αγνο|παραβλ|παρακαμ)"
    r"|\b(?:nie|ne|nu|đừng|không|jangan) (?:zapom|ignor|pomi|lekcewa|zabud|uita|neglij|zaborav|zanemar|pozabi|prezri|felejts|hagyd|quên|bỏ qua|lupakan|abaikan)"
    r"|\b(?:glöm|glem|ignorera?|bortse) (?:inte|ikke|aldrig|aldri)\b|\bälä (?:ohita|unohda)"
)
"""The same verbs negated: what follows is to be remembered."""

FURTHER_LANGUAGES: Final[tuple[tuple[_Demand, ...], ...]] = tuple(
    tuple(_demands(language, _IN_LATIN if language in _LATIN else language)) for language in _LANGUAGES
)
"""The demands in each language, as written, not yet in plain form."""
