"""One demand in thirty languages: leave what was said before, and put out this instead.

Three slots for each language: a verb of leaving something out, what was said before (a question, a text, an order above),
and a verb of putting out. They follow each other within a few words, the second and the first in either order. Written
with accents; ``plain`` strips them from the pattern as it does from the text.

Honest people correct themselves in the same words, so a match decides nothing alone.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line, and other scripts have letters that look like ours

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

WEIGHT: Final = 0.45
_GAP: Final = "[^.!?。！？।]"
_NEAR_CHARACTERS_MAX: Final = 24
_FAR: Final = r"[^\x00]{0,40}?"


class _Redirection(NamedTuple):
    """Alternatives for each slot.

    Attributes:
        leaves: verbs, at the beginning of words where the script has blanks.
        said: a question, text or order, with words that say that it is the one before; in the order of the language.
        puts_out: verbs of putting out, and what begins the new task.
    """

    leaves: str
    said: str
    puts_out: str


_ENGLISH: Final = _Redirection(
    r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|overlook|skip|(?:do not|don't) (?:answer|follow|respond to|reply to))\b",
    r"(?:above|previous|preceding|prior|earlier|foregoing|aforementioned|this|that|these|those|all|any|the)\s+(?:[a-z]+\s+){0,2}?(?:questions?|instructions?|requests?|texts?|messages?|sentences?|commands?|problems?|contents?|tasks?|prompts?|inputs?|statements?|reminders?|quer(?:y|ies)|interrogation|context)\b|\binstructions?\b",
    r"\b(?:output|print|say|repeat|write|answer|reply|respond|paraphrase|rephrase|restate|retell|return|type|tell|now your task|your task|state|state directly|do the following|add the following)\b",
)
_GERMAN: Final = _Redirection(
    r"\b(?:ignorier[a-z]*|vergiss|vergessen sie|missachte[a-z]*|überspring[a-z]*|beantworte[a-z]* (?:nicht|die obige[a-z]* frage[a-z]* nicht)|nicht (?:ant)?worten)\b",
    r"(?:obige[a-z]*|vorherige[a-z]*|vorige[a-z]*|diese[a-z]*|bisherige[a-z]*|die|meine)\s+(?:[a-zäöü]+\s+)?(?:frage|anweisung|aufforderung|erinnerung|text|nachricht|befehl|satz|aufgabe|eingabe|inhalt|problem)[a-z]*",
    r"\b(?:geb(?:en|t)? sie|gib|ausgeben|ausgabe|sag[a-z]*|wiederhol[a-z]*|schreib[a-z]*|formulier[a-z]*|antworte[a-z]*|ihre aufgabe|deine aufgabe|füg[a-z]*|paraphrasier[a-z]*)\b",
)
_FRENCH: Final = _Redirection(
    r"\b(?:ignore[rz]?|oublie[rz]?|ne (?:répond[a-z]*|tene[rz]) pas|laisse[rz]? de côté|ne tiens pas compte)\b",
    r"(?:question|instruction|consigne|interrogation|texte|message|commande|phrase|rappel|demande|invite|contenu|problème)s?\s+(?:ci-dessus|précédent|antérieur|qui précède|d'avant)|(?:cette|ces|la|les) (?:question|instruction|consigne|commande|demande|phrase)s?",
    r"\b(?:affiche[rz]?|réponde?[sz]?|répéte[rz]?|répète|dis|dites|écri[a-z]*|produi[a-z]*|reformule[rz]?|paraphrase[rz]?|génère|générez|sors|imprime[rz]?|votre tâche|ta tâche|ajoute[rz]?|saisisse[rz]|vous devez)\b",
)
_SPANISH_PORTUGUESE_ITALIAN: Final = _Redirection(
    r"\b(?:ignor[a-z]*|olvid[a-z]*|esque[cç][a-z]*|omit[a-z]*|dimentic[a-z]*|tralasci[a-z]*|desconsider[a-z]*|no respond[a-z]*|não respond[a-z]*|non rispond[a-z]*)\b",
    r"(?:pregunta|pergunta|domanda|instrucci[oó]n|instrucciones|instruç[aã]o|instruções|istruzion[ei]|comando|orden|texto|testo|mensaje|mensagem|messaggio|frase|solicitud|solicitação|richiesta|recordatorio|problema|tarea|tarefa)s?\s+(?:anterior|previ|de arriba|precedent|acima|qui sopra|sopra)|(?:esta|este|essa|questa) (?:pregunta|pergunta|domanda|instrucción|instrução|istruzione)",
    r"\b(?:emit[a-z]*|imprim[a-z]*|escrib[a-z]*|escrev[a-z]*|scriv[a-z]*|di\b|diga|dime|repit[a-z]*|repet[a-z]*|ripet[a-z]*|respond[a-z]*|rispond[a-z]*|reformul[a-z]*|parafrase[a-z]*|stamp[a-z]*|produc[a-z]*|produz[a-z]*|ingres[a-z]*|envíe|muestr[a-z]*|mostr[a-z]*|tu tarea|sua tarefa|il tuo compito|simplemente|semplicemente|directamente|direttamente)\b",
)
_DUTCH_NORDIC: Final = _Redirection(
    r"\b(?:negeer|vergeet|sla\b|ignorera?|ignorer|glöm|glem|bortse från|se bort fra|älä vastaa|ohita)\b",
    r"(?:bovenstaande|vorige|voorgaande|eerdere|deze|ovanstående|föregående|ovenstående|foregående|forrige|tidigare|yllä olev[a-z]*|edelli[a-z]*)\s+(?:[a-zåäöæø]+\s+)?(?:vraag|vragen|opdracht|instructie|tekst|bericht|zin|fråg|spørgsmål|spørsmål|instruktion|instruks|text|tekst|kysymy|ohje)[a-z]*",
    r"\b(?:zeg|antwoord|herhaal|schrijf|geef|druk|toon|skriv|svara?|upprepa|gjenta|gentag|säg|si\b|sig\b|visa|vis\b|sano|kirjoita|toista|tulosta)\b",
)
_RUSSIAN_UKRAINIAN: Final = _Redirection(
    "игнориру|проигнориру|не обращай|забудь|не отвечай|пропусти|ігнору|проігнору|не зважай|не відповідай",
    "(?:приведенн|вышеуказанн|предыдущ|прошл|эт|вищенаведен|попередн|ці|цей)[а-яіїє]*\\s+(?:выше\\s+)?(?:вопрос|инструкц|команд|текст|сообщени|запрос|просьб|предложени|задани|питанн|інструкц|повідомленн|прохання|запит)|(?:вопрос|инструкц|команд|текст|запрос)[а-я]* выше",
    "выве(?:ди|сти)|вывод|ответь|ответьте|повтори|скажи|напиши|перефраз|сообщи|ваша задача|твоя задача|напрямую|прямо|просто|виведи|повтори|скажи|напиши|перефраз|твоє завдання",
)
_POLISH_CZECH: Final = _Redirection(
    r"\b(?:zignoruj|ignoruj|pomiń|nie odpowiadaj|zapomnij|neodpovídej|přeskoč|neodpovedaj)",
    r"(?:powyższ|poprzedn|wcześniejsz|t[oęey]\b|výše uveden|předchozí|predchádzajúc|tuto|túto)[a-ząćęłńóśźżěšč]*\s+(?:[a-ząćęłńóśźżěščřžýáíé]+\s+)?(?:pytani|polecen|instrukcj|tekst|wiadomoś|zdani|prośb|otázk|pokyn|text|zpráv|správ|příkaz)",
    r"\b(?:wypisz|powiedz|powtórz|napisz|odpowiedz|wyświetl|sparafrazuj|vypiš|řekni|opakuj|napiš|odpověz|zopakuj|odpovedz|povedz|po prostu|rovnou|přímo)",
)
_TURKISH: Final = _Redirection(
    r"\b(?:yok say|görmezden gel|göz ardı et|unut(?:un|unuz)?\b|dikkate alma|cevap verme|yanıtlama)",
    r"(?:yukarıdaki|önceki|bu)\s+(?:[a-zçğıöşü]+\s+)?(?:soru|talimat|komut|metn|mesaj|cümle|istek|hatırlatma)",
    r"\b(?:söyle|yaz|tekrar|çıktı|yanıtla|cevapla|ver\b|doğrudan|sadece|yalnızca|yazdır)",
)
_ARABIC_PERSIAN_URDU: Final = _Redirection(
    "تجاهل|انس|لا تجب|لا تجيب|نادیده بگیر|فراموش کن|پاسخ نده|نظر انداز کر|جواب نہ دو",
    "(?:السؤال|الأسئلة|التعليمات|الأمر|النص|الرسالة|الطلب|الجملة|التذكير|المشكلة)[^.!?\\n]{0,14}?(?:أعلاه|السابق|المذكور|هذا|هذه)|(?:سؤال|دستور|متن|پیام|درخواست|جمله|سوال|ہدایات|پیغام)[^.!?\\n]{0,10}?(?:بالا|قبلی|فوق|اوپر|پچھل)|(?:بالا|پچھل|اوپر)[^.!?\\n]{0,10}?(?:سوال|ہدایات)",
    "أخرج|إخراج|اكتب|قل|كرر|أعد|اطبع|أجب|مباشرة|فقط|بگو|بنویس|تکرار کن|چاپ کن|فقط|مستقیم|لکھ|کہو|دہرا|براہ راست",
)
_HEBREW: Final = _Redirection(
    "התעלם|התעלמי|תתעלם|שכח|אל תענה|דלג",
    "(?:השאלה|ההוראה|ההוראות|הטקסט|ההודעה|הבקשה|המשפט)[^.!?\\n]{0,12}?(?:לעיל|הקודמ|למעלה|הזו|הזאת)",
    "אמור|כתוב|הדפס|חזור|ענה|פלוט|הצג|רק|ישירות|פשוט",
)
_HINDI_BENGALI: Final = _Redirection(
    "अनदेखा|नज़रअंदाज़|नजरअंदाज|ध्यान न दें|ध्यान न दे|भूल जा|उत्तर न द|जवाब न द|উপেক্ষা|ভুলে যা|উত্তর দেবেন না|উত্তর দিও না",
    "(?:उपरोक्त|ऊपर|पिछल|इस|इन|উপরের|আগের|এই)[^.!?।\\n]{0,10}?(?:प्रश्न|सवाल|निर्देश|समस्या|पाठ|संदेश|आदेश|वाक्य|প্রশ্ন|নির্দেশ|লেখা|বার্তা|আদেশ)|उत्तर न|जवाब न",
    "आउटपुट|परिणाम द|कह|लिख|दोहरा|टाइप कर|बता|सीधे|केवल|बस|আউটপুট|বল|লেখ|লিখ|পুনরাবৃত্তি|সরাসরি|শুধু",
)
_CHINESE: Final = _Redirection(
    "忽略|无视|無視|忽視|不要回答|不用回答|不必回答|别回答|忘记|忘掉|忘記",
    "(?:以上|上述|上面|前面|之前|此|这个|這個|我的|该|刚才|上一)[^。！？\\n]{0,6}?(?:问题|問題|提问|提問|指令|指示|要求|内容|內容|命令|文字|消息|信息|请求|提醒|句子|任务)",
    '输出|輸出|复述|複述|重复|重複|回答|说[:：“"]|说出|写|打印|翻译|回复|你的任务|直接|只需',
)
_JAPANESE: Final = _Redirection(
    "無視し|無視して|忘れて|答えず|答えないで|回答せず|従わず",
    "(?:上記|上|前|以前|先ほど|この)の?(?:質問|指示|命令|コマンド|文|メッセージ|内容|問題|リクエスト|要求|プロンプト)",
    "出力|繰り返し|言って|書いて|答えて|回答して|表示し|復唱|言い換え|直接",
)
_KOREAN: Final = _Redirection(
    "무시(?:하고|해|하세요|하십시오|하라|하여)|잊(?:어|으|고)|답하지 ?(?:말|마)|대답하지 ?(?:말|마)",
    "(?:위의?|위에|이전|앞의|방금|이) ?(?:질문|지시|명령|내용|글|메시지|문장|요청|텍스트|문제)",
    "출력|말해|말하|반복|써|적어|대답|답변|복창|바꿔|직접|바로|그냥",
)
_THAI: Final = _Redirection(
    "เพิกเฉย|ละเว้น|ไม่ต้องสนใจ|ลืม|มองข้าม|ไม่ต้องตอบ|อย่าตอบ|ข้าม",
    "(?:คำถาม|คำสั่ง|ข้อความ|คำแนะนำ|ประโยค|เนื้อหา)[^.!?\\n]{0,8}?(?:ข้างต้น|ก่อนหน้า|ด้านบน|นี้)",
    "แสดงผล|พูด|เขียน|พิมพ์|ทวน|ทำซ้ำ|ตอบ|บอก|โดยตรง|เพียง",
)
_INDONESIAN_VIETNAMESE: Final = _Redirection(
    r"\b(?:abaikan|lupakan|jangan (?:jawab|menjawab)|lewati|bỏ qua|phớt lờ|quên|không trả lời|đừng trả lời)",
    r"(?:pertanyaan|instruksi|perintah|teks|pesan|kalimat|permintaan|arahan)\s+(?:[a-z]+\s+)?(?:di atas|sebelum|tadi|ini)|(?:câu hỏi|hướng dẫn|chỉ dẫn|mệnh lệnh|văn bản|tin nhắn|yêu cầu|lệnh)\s+(?:ở )?(?:trên|trước|này)",
    r"\b(?:katakan|tulis|ulangi|jawab|cetak|keluarkan|tampilkan|langsung|hanya|cukup|xuất|nói|viết|lặp lại|trả lời|in ra|trực tiếp|chỉ cần)",
)
_ROMANIAN_HUNGARIAN: Final = _Redirection(
    r"\b(?:ignoră|ignorați|ignora|uită|nu răspunde|hagyd figyelmen kívül|felejtsd el|ne válaszolj)",
    r"(?:întrebare|întrebăr|instrucțiun|comand|text|mesaj|cerer)[a-zăâîșț]*\s+(?:de mai sus|anterior|preceden|aceasta)|(?:fenti|előző|korábbi|ez a|ezt a)\s+(?:kérdés|utasítás|szöveg|üzenet|kérés|parancs)",
    r"\b(?:scrie|spune|repetă|răspunde|afișează|direct|doar|írd|mondd|ismételd|válaszolj|közvetlenül|csak)",
)
_GREEK: Final = _Redirection(
    "αγνόησε|αγνοήστε|ξέχνα|ξέχασε|ξεχάστε|μην απαντ",
    "(?:παραπάνω|προηγούμεν)[α-ω]*\\s+(?:ερώτησ|ερωτήσ|οδηγί|εντολ|κείμενο|μήνυμα)",
    "γράψε|πες|επανάλαβε|απάντησε|εμφάνισε|απλά|απευθείας",
)

_REDIRECTIONS: Final = (
    _ENGLISH, _GERMAN, _FRENCH, _SPANISH_PORTUGUESE_ITALIAN, _DUTCH_NORDIC, _RUSSIAN_UKRAINIAN, _POLISH_CZECH, _TURKISH,
    _ARABIC_PERSIAN_URDU, _HEBREW, _HINDI_BENGALI, _CHINESE, _JAPANESE, _KOREAN, _THAI, _INDONESIAN_VIETNAMESE,
    _ROMANIAN_HUNGARIAN, _GREEK,
)  # fmt: skip


def _pattern(each: _Redirection) -> str:
    gap = f"{_GAP}{{0,{_NEAR_CHARACTERS_MAX}}}?"
    leaves, said, puts_out = (f"(?:{slot})" for slot in each)
    return f"(?:{leaves}{gap}{said}|{said}{gap}{leaves}){_FAR}{puts_out}"


def redirections() -> Iterator[tuple[float, tuple[str, ...], str]]:
    """Weight, signs and pattern of each group of languages, as written, not yet in plain form."""
    for each in _REDIRECTIONS:
        yield WEIGHT, (each.leaves,), _pattern(each)
